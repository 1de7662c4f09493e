"""What a handler made of its messages, and what follows from it. The same rules for every bus."""

import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import Any

import structlog
from opentelemetry import context, propagate
from structlog.contextvars import bound_contextvars

from shared.bus import Drop, Halt, Queue, Retry, Rung, Subscription
from shared.messages.envelope import Envelope

log = structlog.get_logger(__name__)


class Kind(StrEnum):
    DONE = "done"
    RETRY = "retry"
    DROP = "drop"
    HALT = "halt"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """How one call of a handler ended. `reason` names the fault and its place, never a value: it may be personal."""

    kind: Kind
    reason: str = ""
    duration_ms: float = 0.0


@dataclass(frozen=True)
class Settle:
    """The message is dealt with."""


@dataclass(frozen=True)
class Climb:
    """The message waits on this rung and comes back."""

    rung: Rung


@dataclass(frozen=True)
class DeliverAgain:
    """The message comes back at once."""


@dataclass(frozen=True)
class PutAside:
    """The message is dead."""

    reason: str


@dataclass(frozen=True)
class Keep:
    """Nothing is decided: what the handler needs is away."""


Step = Settle | Climb | DeliverAgain | PutAside | Keep


def next_step(outcome: Outcome, queue: Queue, deliveries: int, retries: int) -> Step:
    """What becomes of one message that was delivered `deliveries` times, this one included, and retried `retries`."""
    match outcome.kind:
        case Kind.DONE | Kind.DROP:
            return Settle()
        case Kind.HALT:
            return Keep()
        case Kind.RETRY if queue.rungs and retries < queue.retries_max:
            return Climb(queue.rungs[min(retries, len(queue.rungs) - 1)])
        case Kind.RETRY:
            return PutAside(f"not possible after {retries} retries: {outcome.reason}")
        case Kind.FAILED if deliveries < queue.delivery_limit:
            return DeliverAgain()
        case Kind.FAILED:
            return PutAside(f"failed {deliveries} times: {outcome.reason}")


async def call_handler(subscription: Subscription, envelopes: Sequence[Envelope[Any]]) -> Outcome:
    """Hand the messages to the handler. Its exceptions come back as an outcome; a cancellation passes."""
    started = time.perf_counter()
    with _trace_of(subscription.queue.name, envelopes):
        try:
            await subscription.handle(envelopes)
            kind, reason = Kind.DONE, ""
        except Exception as error:
            kind, reason = _kind_of(error), describe(error)
    return Outcome(kind, reason, round((time.perf_counter() - started) * 1000, 1))


def log_outcome(queue: Queue, envelopes: Sequence[Envelope[Any]], outcome: Outcome, follows: str) -> None:
    """The one line that tells what happened to these messages and what comes next."""
    write = log.info if outcome.kind in {Kind.DONE, Kind.RETRY} else log.warning
    write(
        "messages_handled",
        queue=queue.name,
        events=[str(envelope.id) for envelope in envelopes],
        types=sorted({envelope.type for envelope in envelopes}),
        outcome=outcome.kind.value,
        reason=outcome.reason,
        duration_ms=outcome.duration_ms,
        next=follows,
    )


def describe(error: BaseException) -> str:
    """The fault's type and where it arose. Not its text, which may hold what somebody wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    return f"{type(error).__name__} at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}"


def tell(step: Step) -> str:
    """The step in the words of the log."""
    match step:
        case Climb(rung):
            return f"again in {rung.name}"
        case PutAside(reason):
            return f"dead: {reason}"
        case _:
            return {Settle: "acknowledged", DeliverAgain: "delivered again", Keep: "kept"}[type(step)]


def _kind_of(error: Exception) -> Kind:
    match error:
        case Retry():
            return Kind.RETRY
        case Drop():
            return Kind.DROP
        case Halt():
            return Kind.HALT
        case _:
            return Kind.FAILED


@contextmanager
def _trace_of(queue: str, envelopes: Sequence[Envelope[Any]]) -> Iterator[None]:
    """Continue the trace of a single message. A batch has many, and continues none."""
    with bound_contextvars(queue=queue):
        if len(envelopes) != 1 or envelopes[0].traceparent is None:
            yield
            return
        token = context.attach(propagate.extract({"traceparent": envelopes[0].traceparent}))
        try:
            yield
        finally:
            context.detach(token)
