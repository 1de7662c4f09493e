"""The rules both buses share, and those that RabbitMQ needs: pure, so every branch is looked at here."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from aio_pika.exceptions import (
    AMQPConnectionError,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    DeliveryError,
)

from shared.bus import BusAway, NotTaken, Queue, TopologyMismatch
from shared.bus.faults import broker_faults, translate
from shared.bus.headers import carried_on, deliveries_of, died_at, reason_of, retries_of
from shared.bus.intake import Intake
from shared.bus.listener import Sight, must_begin_anew
from shared.bus.outcomes import Climb, DeliverAgain, Keep, Kind, Outcome, PutAside, Settle, describe, next_step
from shared.bus.topology import bindings_of, queues_of
from shared.messages.actions import ActionAcceptedV1
from shared.messages.cases import CaseClosedV1

QUEUE = Queue("delivery.ingest", (ActionAcceptedV1, CaseClosedV1), retries_max=4, delivery_limit=3)


def after(kind: Kind, deliveries: int = 1, retries: int = 0) -> object:
    return next_step(Outcome(kind, "Fault at file.py:1"), QUEUE, deliveries, retries)


def test_what_is_done_or_dropped_is_settled_and_what_halts_is_kept() -> None:
    assert (after(Kind.DONE), after(Kind.DROP), after(Kind.HALT)) == (Settle(), Settle(), Keep())


def test_a_failure_comes_again_until_the_limit() -> None:
    assert [type(after(Kind.FAILED, deliveries)) for deliveries in (1, 2, 3, 9)] == [
        DeliverAgain,
        DeliverAgain,
        PutAside,
        PutAside,
    ]


def test_a_retry_climbs_then_stays_on_the_last_rung_then_is_dead() -> None:
    steps = [after(Kind.RETRY, retries=retries) for retries in range(5)]
    assert [step.rung.name for step in steps if isinstance(step, Climb)] == ["10s", "1m", "10m", "10m"]
    assert steps[-1] == PutAside("not possible after 4 retries: Fault at file.py:1")


def test_a_queue_without_rungs_puts_aside_what_asks_for_a_retry() -> None:
    flat = Queue("flat", (CaseClosedV1,), rungs=())
    assert isinstance(next_step(Outcome(Kind.RETRY), flat, 1, 0), PutAside)


def test_a_fault_is_described_by_type_and_place_and_never_by_its_text() -> None:
    try:
        raise ValueError("a name and an address")
    except ValueError as error:
        told = describe(error)
    assert told.startswith("ValueError at test_bus_rules.py:")
    assert "address" not in told


@pytest.mark.parametrize(
    ("fault", "meaning"),
    [
        (DeliveryError(None, None), NotTaken),  # type: ignore[arg-type]
        (ChannelPreconditionFailed("inequivalent arg"), TopologyMismatch),
        (ChannelNotFoundEntity("no queue"), BusAway),
        (AMQPConnectionError("amqp://user:secret@host"), BusAway),
        (ChannelInvalidStateError(), BusAway),
        (asyncio.CancelledError(), BusAway),
        (TimeoutError(), BusAway),
        (OSError(), BusAway),
    ],
)
def test_every_fault_of_the_broker_has_a_meaning(fault: BaseException, meaning: type[Exception]) -> None:
    translated = translate(fault)
    assert type(translated) is meaning
    assert "secret" not in str(translated)


async def test_a_wait_the_client_ended_by_cancellation_is_a_fault_and_ours_is_a_cancellation() -> None:
    with pytest.raises(BusAway):
        async with broker_faults(1):
            raise asyncio.CancelledError

    async def wait_for_ever() -> None:
        async with broker_faults(60):
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait_for_ever())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_silent_broker_is_away_after_the_bound() -> None:
    with pytest.raises(BusAway):
        async with broker_faults(0.01):
            await asyncio.Event().wait()


def test_a_message_published_again_keeps_our_headers_and_none_of_the_brokers() -> None:
    headers = {"traceparent": "00-1-1-01", "w4r-retries": 2, "x-death": [{}], "x-first-death-queue": "q"}
    assert carried_on(headers) == {"traceparent": "00-1-1-01", "w4r-retries": 2}


def test_counts_are_read_from_headers_that_may_lack_or_lie() -> None:
    assert (retries_of({}), retries_of({"w4r-retries": 3}), retries_of({"w4r-retries": "3"})) == (0, 3, 0)
    assert (deliveries_of({}), deliveries_of({"x-delivery-count": 2})) == (1, 3)


def test_the_consumers_reason_wins_over_the_brokers() -> None:
    death = {"reason": "delivery_limit", "time": datetime(2026, 12, 1, tzinfo=UTC)}
    assert reason_of({"w4r-reason": "failed 5 times", "x-death": [death]}) == "failed 5 times"
    assert reason_of({"x-death": [death], "x-first-death-reason": "expired"}).startswith("delivery_limit")
    assert reason_of({}) == "unknown"
    assert died_at({"x-death": [death]}) == death["time"]


def test_every_queue_on_the_broker_is_a_quorum_queue_that_loses_nothing() -> None:
    by_name = {queue.name: queue.arguments for queue in queues_of(QUEUE)}
    assert list(by_name) == [
        "delivery.ingest.dead",
        "delivery.ingest",
        "delivery.ingest.retry.10s",
        "delivery.ingest.retry.1m",
        "delivery.ingest.retry.10m",
    ]
    assert {arguments["x-queue-type"] for arguments in by_name.values()} == {"quorum"}
    for name, arguments in by_name.items():
        if name == "delivery.ingest.dead":
            assert "x-dead-letter-exchange" not in arguments
            continue
        assert arguments["x-dead-letter-strategy"] == "at-least-once"
        assert arguments["x-overflow"] == "reject-publish"
    assert by_name["delivery.ingest"]["x-dead-letter-routing-key"] == "delivery.ingest.dead"
    assert by_name["delivery.ingest.retry.1m"]["x-dead-letter-routing-key"] == "delivery.ingest"
    assert by_name["delivery.ingest.retry.1m"]["x-message-ttl"] == timedelta(minutes=1) / timedelta(milliseconds=1)


def test_events_are_bound_from_their_publishers_exchange() -> None:
    assert bindings_of(QUEUE) == [
        ("actions.events", "actions.action_accepted.v1"),
        ("cases.events", "cases.case_closed.v1"),
    ]


def seen(at_seconds: float, *, consumers: int = 1, ready: int = 0, busy: bool = False) -> Sight:
    return Sight(at_seconds, consumers, ready, batches_taken=7, busy=busy)


@pytest.mark.parametrize(
    ("idle_since", "now", "anew"),
    [
        (seen(0), seen(5), False),
        (seen(0), seen(0, consumers=0), True),
        (seen(0, ready=3), seen(0, ready=3), False),
        (seen(0, ready=3), seen(5, ready=3), True),
        (seen(0), seen(5, ready=3), False),
        (seen(0), seen(21), True),
        (seen(0, ready=3), seen(21, ready=3, consumers=0, busy=True), False),
    ],
)
def test_a_listener_begins_anew_when_the_broker_may_have_lost_it(idle_since: Sight, now: Sight, anew: bool) -> None:
    assert must_begin_anew(idle_since, now, idle_seconds_max=20) is anew


async def test_an_intake_makes_batches_and_stops_for_all_who_wait() -> None:
    intake: Intake[int] = Intake()
    for number in range(5):
        intake.put(number)
    assert await intake.next_batch(3, 0.0) == [0, 1, 2]
    assert await intake.next_batch(3, 0.01) == [3, 4]
    waiting = [asyncio.create_task(intake.next_batch(3, 0.0)) for _ in range(2)]
    await asyncio.sleep(0)
    intake.end()
    assert await asyncio.gather(*waiting) == [[], []]
    intake.put(5)
    assert await intake.next_batch(3, 0.0) == []
    assert intake.rest() == [5]


async def test_an_intake_that_ends_gives_out_what_it_had_begun_to_collect() -> None:
    intake: Intake[int] = Intake()
    intake.put(1)
    collecting = asyncio.create_task(intake.next_batch(3, 60.0))
    await asyncio.sleep(0)
    intake.end()
    assert await collecting == [1]
    assert await intake.next_batch(3, 0.0) == []
