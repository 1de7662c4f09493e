"""What every bus promises. Each test runs on RabbitMQ and in one process."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import pytest

from shared.bus import BusAway, Dead, Drop, Halt, Retry, Unroutable
from shared.messages.cases import CaseClosedV1
from shared.messages.envelope import Envelope, Message, seal
from shared.observability import current_traceparent
from tests.contract.bus_harness import (
    BusHarness,
    InProcessHarness,
    RabbitMQHarness,
    Recorder,
    a_queue,
    an_event,
    id_of,
    publish_until_safe,
)
from tests.support.until import until

Envelopes = Sequence[Envelope[Any]]
SOON_SECONDS = 5.0


@pytest.fixture(params=["in_process", "rabbitmq"])
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[BusHarness]:
    if request.param == "in_process":
        in_process = InProcessHarness()
        await in_process.bus.start()
        yield in_process
        await in_process.close()
        return
    rabbitmq = RabbitMQHarness(request.getfixturevalue("rabbitmq_url"))
    await rabbitmq.open()
    yield rabbitmq
    await rabbitmq.close()


class FailingTimes:
    """Raises the first `times` times it is called."""

    def __init__(self, times: int, fault: Exception) -> None:
        self._left, self._fault = times, fault

    async def __call__(self, _: Envelopes) -> None:
        if self._left:
            self._left -= 1
            raise self._fault


async def always_fails(_: Envelopes) -> None:
    raise ValueError("what somebody wrote")


async def never_ready(_: Envelopes) -> None:
    raise Retry("not known yet")


async def test_what_is_published_is_handled_with_its_event(harness: BusHarness) -> None:
    opened: list[Envelope[Any]] = []

    async def keep(envelopes: Envelopes) -> None:
        opened.extend(envelopes)

    recorder, event = Recorder(keep), an_event()
    await harness.start_consumer(recorder.of(a_queue()))
    await publish_until_safe(harness, event)
    await until(lambda: id_of(event) in recorder.done)
    assert [envelope.data for envelope in opened if envelope.id == id_of(event)] == [event]


async def test_a_handler_runs_in_the_trace_its_message_came_from(harness: BusHarness) -> None:
    traces: list[str | None] = []

    async def note_trace(_: Envelopes) -> None:
        traces.append(current_traceparent())

    trace_id = uuid4().hex
    await harness.start_consumer(Recorder(note_trace).of(a_queue()))
    await publish_until_safe(harness, seal(an_event(), traceparent=f"00-{trace_id}-b7ad6b7169203331-01"))
    await until(lambda: traces)
    assert trace_id in str(traces[0])


async def test_what_is_published_while_the_consumer_restarts_is_delivered(harness: BusHarness) -> None:
    recorder, queue, event = Recorder(), a_queue(), an_event()
    consumer = await harness.start_consumer(recorder.of(queue))
    await consumer.stop()
    publishing = asyncio.create_task(publish_until_safe(harness, event))
    await harness.start_consumer(recorder.of(queue))
    await publishing
    await until(lambda: id_of(event) in recorder.done)


async def test_competing_consumers_share_the_work(harness: BusHarness) -> None:
    """Each waits with its first message until the other has one too, so neither could do it all."""
    both_busy = asyncio.Barrier(2)

    def busy_together() -> Recorder:
        started = False

        async def act(_: Envelopes) -> None:
            nonlocal started
            if not started:
                started = True
                await both_busy.wait()

        return Recorder(act)

    queue, one, other = a_queue(), busy_together(), busy_together()
    events = [an_event() for _ in range(30)]
    await harness.start_consumer(one.of(queue))
    await harness.start_consumer(other.of(queue))
    await publish_until_safe(harness, *events)
    expected = sorted(map(id_of, events))
    await until(lambda: set(expected) <= {*one.done, *other.done})
    handled = [event_id for event_id in one.done + other.done if event_id in expected]
    assert sorted(handled) == expected
    assert one.done
    assert other.done


async def test_a_message_is_delivered_again_when_its_handler_fails(harness: BusHarness) -> None:
    recorder, event = Recorder(FailingTimes(2, RuntimeError())), an_event()
    await harness.start_consumer(recorder.of(a_queue(delivery_limit=5)))
    await publish_until_safe(harness, event)
    await until(lambda: id_of(event) in recorder.done)
    assert recorder.tries_of(event) == 3
    assert not recorder.dead


async def test_a_message_that_always_fails_is_put_aside_with_its_reason(harness: BusHarness) -> None:
    recorder, queue, event = Recorder(always_fails), a_queue(delivery_limit=3), an_event()
    await harness.start_consumer(recorder.of(queue))
    await publish_until_safe(harness, event)
    await until(lambda: recorder.dead)
    (dead,) = recorder.dead
    assert recorder.tries_of(event) == 3
    assert (dead.queue, dead.type, dead.body) == (queue.name, event.wire_type, seal(event).body)
    assert "ValueError" in dead.reason
    assert "somebody wrote" not in dead.reason


async def test_a_message_that_comes_too_early_climbs_the_retry_ladder(harness: BusHarness) -> None:
    recorder, event = Recorder(FailingTimes(3, Retry())), an_event()
    await harness.start_consumer(recorder.of(a_queue(delivery_limit=1)))
    await publish_until_safe(harness, event)
    await until(lambda: id_of(event) in recorder.done)
    assert recorder.tries_of(event) == 4
    assert not recorder.dead


async def test_a_message_retried_too_often_is_put_aside(harness: BusHarness) -> None:
    recorder, event = Recorder(never_ready), an_event()
    await harness.start_consumer(recorder.of(a_queue(retries_max=3)))
    await publish_until_safe(harness, event)
    await until(lambda: recorder.dead)
    assert recorder.tries_of(event) == 4
    assert "3 retries" in recorder.dead[0].reason


async def test_a_dropped_message_is_gone(harness: BusHarness) -> None:
    recorder, event, later = Recorder(FailingTimes(1, Drop("closed long ago"))), an_event(), an_event()
    await harness.start_consumer(recorder.of(a_queue()))
    await publish_until_safe(harness, event)
    await until(lambda: recorder.batches)
    await publish_until_safe(harness, later)
    await until(lambda: id_of(later) in recorder.done)
    assert recorder.tries_of(event) == 1
    assert not recorder.dead


@pytest.mark.parametrize("batch_max", [1, 10])
async def test_poison_is_put_aside_and_stops_no_other(harness: BusHarness, batch_max: int) -> None:
    good = seal(an_event())
    poison = {
        "not a JSON envelope": b"\x00\xff garbage",
        "unknown or missing type": good.body.replace(b"cases.case_closed.v1", b"cases.case_eaten.v9"),
        "does not fit its schema": good.body.replace(b'"revision":2', b'"revision":"second"'),
    }
    recorder = Recorder()
    await harness.start_consumer(recorder.of(a_queue(), batch_max=batch_max, linger_seconds=0.1))
    messages = [Message(uuid4(), CaseClosedV1.wire_type, body) for body in poison.values()]
    await publish_until_safe(harness, *messages, good)
    await until(lambda: len(recorder.dead) == 3 and good.event_id in recorder.done)
    assert {dead.body for dead in recorder.dead} == set(poison.values())
    for reason, body in poison.items():
        assert [reason in dead.reason for dead in recorder.dead if dead.body == body] == [True]


async def test_what_nobody_wants_is_reported(harness: BusHarness) -> None:
    with pytest.raises(Unroutable):
        await harness.publish(Message(uuid4(), "nobody.wants_this.v1", b"{}"))


async def test_of_many_published_at_once_each_has_its_own_answer(harness: BusHarness) -> None:
    recorder, events = Recorder(), [an_event() for _ in range(100)]
    await harness.start_consumer(recorder.of(a_queue(), batch_max=100))
    await publish_until_safe(harness, an_event())
    unwanted = [Message(uuid4(), "nobody.wants_this.v1", b"{}") for _ in events]
    pairs = [message for pair in zip(map(seal, events), unwanted, strict=True) for message in pair]
    answers = await harness.publish_all(pairs)
    assert {type(answer) for answer in answers[::2]} == {type(None)}
    assert {type(answer) for answer in answers[1::2]} == {Unroutable}
    await until(lambda: {id_of(event) for event in events} <= set(recorder.done))
    assert await harness.publish_all([]) == []


async def test_while_the_bus_is_away_many_published_at_once_all_learn_so(harness: BusHarness) -> None:
    recorder = Recorder()
    await harness.start_consumer(recorder.of(a_queue(), batch_max=100))
    await publish_until_safe(harness, an_event())
    await harness.take_away()
    answers = await harness.publish_all([seal(an_event()) for _ in range(3)])
    assert {type(answer) for answer in answers} == {BusAway}


async def test_what_counts_as_published_is_handled_though_the_bus_went_away_meanwhile(harness: BusHarness) -> None:
    recorder, events = Recorder(), [an_event() for _ in range(2000)]
    await harness.start_consumer(recorder.of(a_queue(), batch_max=100))
    await publish_until_safe(harness, an_event())
    publishing = asyncio.create_task(harness.publish_all([seal(event) for event in events]))
    await until(lambda: len(recorder.done) > 100 or publishing.done())
    await harness.take_away()
    answers = await publishing
    assert {type(answer) for answer in answers} <= {type(None), BusAway}
    await harness.bring_back()
    safe = {id_of(event) for event, answer in zip(events, answers, strict=True) if answer is None}
    await until(lambda: safe <= set(recorder.done), timeout_seconds=30)


async def test_a_handler_in_hand_finishes_before_the_consumer_stops(harness: BusHarness) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def take_its_time(_: Envelopes) -> None:
        begun.set()
        await may_end.wait()

    queue, slow, event, later = a_queue(), Recorder(take_its_time), an_event(), an_event()
    consumer = await harness.start_consumer(slow.of(queue))
    publishing = asyncio.create_task(publish_until_safe(harness, event))
    await begun.wait()
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.sleep(0)
    may_end.set()
    await stopping
    await publishing
    assert slow.done == [id_of(event)]

    successor = Recorder()
    await harness.start_consumer(successor.of(queue))
    await publish_until_safe(harness, later)
    await until(lambda: id_of(later) in successor.done)
    assert successor.tries_of(event) == 0


async def test_publishing_fails_soon_while_the_bus_is_away_and_works_when_it_is_back(harness: BusHarness) -> None:
    recorder, event = Recorder(), an_event()
    await harness.start_consumer(recorder.of(a_queue()))
    await publish_until_safe(harness, event)
    await until(lambda: id_of(event) in recorder.done)

    await harness.take_away()
    async with asyncio.timeout(SOON_SECONDS):
        with pytest.raises(BusAway):
            await harness.publish(seal(an_event()))

    await harness.bring_back()
    late = an_event()
    await publish_until_safe(harness, late)
    await until(lambda: id_of(late) in recorder.done)


async def test_nothing_is_lost_or_counted_while_what_a_handler_needs_is_away(harness: BusHarness) -> None:
    recorder, events = Recorder(FailingTimes(3, Halt("database away"))), [an_event(), an_event()]
    await harness.start_consumer(recorder.of(a_queue(delivery_limit=1, retries_max=0), batch_max=2, linger_seconds=0.1))
    await publish_until_safe(harness, *events)
    await until(lambda: set(map(id_of, events)) <= set(recorder.done))
    assert not recorder.dead


async def test_one_bad_message_does_not_take_its_batch_with_it(harness: BusHarness) -> None:
    bad, good = an_event(), [an_event() for _ in range(4)]

    async def fail_on_bad(envelopes: Envelopes) -> None:
        if id_of(bad) in {envelope.id for envelope in envelopes}:
            raise ValueError

    recorder = Recorder(fail_on_bad)
    await harness.start_consumer(recorder.of(a_queue(delivery_limit=2), batch_max=10, linger_seconds=0.3))
    await publish_until_safe(harness, bad, *good)
    await until(lambda: recorder.dead and set(map(id_of, good)) <= set(recorder.done))
    assert any(len(batch) > 1 and id_of(bad) in batch for batch in recorder.batches)
    assert [dead.body for dead in recorder.dead] == [seal(bad).body]
    assert id_of(bad) not in recorder.done


async def test_a_dead_message_can_be_replayed(harness: BusHarness) -> None:
    recorder, queue, event = Recorder(FailingTimes(1, ValueError())), a_queue(delivery_limit=1), an_event()
    await harness.start_consumer(recorder.of(queue))
    await publish_until_safe(harness, event)
    await until(lambda: recorder.dead)
    await harness.replay(queue.name, recorder.dead[0].body)
    await until(lambda: id_of(event) in recorder.done)


async def test_a_message_replayed_in_vain_is_dead_once_more(harness: BusHarness) -> None:
    recorder, queue = Recorder(always_fails), a_queue(delivery_limit=1)
    await harness.start_consumer(recorder.of(queue))
    await publish_until_safe(harness, an_event())
    await until(lambda: recorder.dead)
    await harness.replay(queue.name, recorder.dead[0].body)
    await until(lambda: len(recorder.dead) == 2)
    assert recorder.dead[0].message_id != recorder.dead[1].message_id


async def test_replaying_into_a_queue_that_is_not_there_is_reported(harness: BusHarness) -> None:
    with pytest.raises(Unroutable):
        await harness.replay(f"test.{uuid4().hex}", seal(an_event()).body)


async def test_the_dead_wait_for_a_place_to_be_kept(harness: BusHarness) -> None:
    event = an_event()
    refusals = FailingTimes(2, ConnectionError())

    class Reluctant(Recorder):
        async def keep_dead(self, dead: Dead) -> None:
            await refusals([])
            await super().keep_dead(dead)

    recorder = Reluctant(always_fails)
    await harness.start_consumer(recorder.of(a_queue(delivery_limit=1)))
    await publish_until_safe(harness, event)
    await until(lambda: recorder.dead)
    assert recorder.dead[0].body == seal(event).body


async def test_a_handler_whose_library_ends_its_wait_only_fails(harness: BusHarness) -> None:
    """A connection that dies may raise `CancelledError` in a task nobody cancelled. The consumer must live on."""

    class Once:
        called = False

        async def __call__(self, _: Envelopes) -> None:
            if not self.called:
                self.called = True
                raise asyncio.CancelledError

    recorder, event = Recorder(Once()), an_event()
    await harness.start_consumer(recorder.of(a_queue()))
    await publish_until_safe(harness, event)
    await until(lambda: id_of(event) in recorder.done)
