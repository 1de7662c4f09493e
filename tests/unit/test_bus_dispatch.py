"""A queue of several events: each goes to its own handler, in the order it came."""

from collections.abc import Sequence
from typing import Any

import pytest

from shared.bus import Halt
from shared.bus.dispatch import dispatch
from shared.db import DatabaseAway
from shared.messages.cases import CaseClosedV1, CasePublishedV1
from shared.messages.envelope import Envelope, seal
from shared.messages.registry import read
from tests.support.events import a_closed_case, a_published_case


def envelopes(*events: Any) -> list[Envelope[Any]]:
    return [read(seal(event).body) for event in events]


async def test_a_mixed_batch_is_handled_in_order_run_by_run() -> None:
    handled: list[tuple[str, int]] = []

    async def publish(batch: Sequence[Envelope[Any]]) -> None:
        handled.append(("published", len(batch)))

    async def close(batch: Sequence[Envelope[Any]]) -> None:
        handled.append(("closed", len(batch)))

    handle = dispatch({CasePublishedV1: publish, CaseClosedV1: close})
    await handle(envelopes(a_published_case(), a_published_case(revision=2), a_closed_case(), a_published_case()))
    assert handled == [("published", 2), ("closed", 1), ("published", 1)]


async def test_a_database_that_is_away_halts_the_queue() -> None:
    async def fail(_batch: Sequence[Envelope[Any]]) -> None:
        raise DatabaseAway("ConnectionRefusedError")

    with pytest.raises(Halt, match="ConnectionRefusedError"):
        await dispatch({CaseClosedV1: fail})(envelopes(a_closed_case()))


async def test_events_that_share_a_handler_stay_one_batch() -> None:
    sizes: list[int] = []

    async def count(batch: Sequence[Envelope[Any]]) -> None:
        sizes.append(len(batch))

    await dispatch({CasePublishedV1: count, CaseClosedV1: count})(
        envelopes(a_published_case(), a_closed_case(), a_published_case(revision=3))
    )
    assert sizes == [3]
