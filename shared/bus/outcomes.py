"""What a handler made of its messages, and what follows from it. The same rules for every bus."""

import asyncio
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from shared.bus import Drop, Halt, Queue, Retry, Rung, Subscription
from shared.messages.envelope import Envelope
from shared.observability import continued_trace

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
    """Hand the messages to the handler. What it raises comes back as an outcome; a cancellation of ours passes."""
    started = time.perf_counter()
    task = asyncio.current_task()
    cancellations = task.cancelling() if task else 0
    kind, reason = Kind.DONE, ""
    try:
        await subscription.handle(envelopes)
    except asyncio.CancelledError as error:
        # Libraries end waits with this when a connection dies. It must not end the consumer, silently at that.
        if task is None or task.cancelling() > cancellations:
            raise
        kind, reason = Kind.FAILED, describe(error)
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
def traced(queue: str, envelopes: Sequence[Envelope[Any]]) -> Iterator[None]:
    """Continue the trace of a single message. A batch has many, and continues none."""
    with bound_contextvars(queue=queue), ExitStack() as stack:
        if len(envelopes) == 1:
            stack.enter_context(continued_trace(f"handle {envelopes[0].type}", envelopes[0].traceparent))
        yield
