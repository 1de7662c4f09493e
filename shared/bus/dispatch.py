"""Hands a mixed batch to the handlers of its events, in order, run by run of the same handler."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from shared.bus import Halt, Handler
from shared.db import DatabaseAway
from shared.messages.envelope import Envelope, Event


def dispatch(handlers: Mapping[type[Event], Handler]) -> Handler:
    """One handler for a queue of several events. A database that is away halts the queue: no message is at fault."""

    async def handle(envelopes: Sequence[Envelope[Any]]) -> None:
        try:
            for handler, run in groupby(envelopes, lambda envelope: handlers[type(envelope.data)]):
                await handler(list(run))
        except DatabaseAway as fault:
            raise Halt(str(fault)) from fault

    return handle
