"""What RabbitMQ and its client were measured to do, and that our bus copes. Numbers are those of the design's facts."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage

from deploy.local.rabbitmq import LocalRabbitMQ
from shared.bus import BusAway, Halt, NotTaken, Queue, Retry, Rung, TopologyMismatch, Unroutable
from shared.bus.listener import ConsumerDeaf
from shared.bus.rabbitmq import RabbitMQBus
from shared.bus.topology import BROKER_LIMIT_FACTOR, queues_of, rung_name
from shared.messages.cases import CaseClosedV1
from shared.messages.envelope import Envelope, Message, seal
from tests.contract.bus_harness import Recorder, a_queue, an_event, delete_queues, id_of
from tests.support import servers
from tests.support.until import until

PUBLISH_SECONDS_MAX = 2.0
WATCH_SECONDS = 0.3
RECOVERY_SECONDS_MAX = 40.0


@pytest.fixture(scope="module")
def broker() -> Iterator[LocalRabbitMQ]:
    """One broker for this file, which every test leaves as healthy as it was."""
    with servers.started(LocalRabbitMQ) as own:
        yield own


@pytest.fixture
async def make_bus(broker: LocalRabbitMQ) -> AsyncIterator[Callable[..., RabbitMQBus]]:
    made: list[RabbitMQBus] = []

    def make(**settings: Any) -> RabbitMQBus:
        quick = {"publish_seconds_max": PUBLISH_SECONDS_MAX, "watch_seconds": WATCH_SECONDS}
        made.append(RabbitMQBus(broker.url, name="facts", **(quick | settings)))
        return made[-1]

    yield make
    await asyncio.gather(*(bus.close() for bus in made))


@pytest.fixture
async def bus(make_bus: Callable[..., RabbitMQBus]) -> RabbitMQBus:
    bus = make_bus()
    await bus.start()
    return bus


@pytest.fixture
async def queue(broker: LocalRabbitMQ, bus: RabbitMQBus) -> AsyncIterator[Queue]:
    queue = a_queue()
    await bus.declare([queue])
    yield queue
    await delete_queues(broker.url, {queue})


@asynccontextmanager
async def frozen(broker: LocalRabbitMQ) -> AsyncIterator[None]:
    broker.freeze()
    try:
        yield
    finally:
        broker.thaw()


@asynccontextmanager
async def out_of_memory(broker: LocalRabbitMQ) -> AsyncIterator[None]:
    await asyncio.to_thread(broker.ctl, "set_vm_memory_high_watermark", "0.00001")
    try:
        yield
    finally:
        await asyncio.to_thread(broker.ctl, "set_vm_memory_high_watermark", "0.4")


async def lying_in(broker: LocalRabbitMQ, queue: str) -> list[AbstractIncomingMessage]:
    """Take everything out of a queue."""
    async with await aio_pika.connect(broker.url) as connection, connection.channel() as channel:
        found = []
        messages = await channel.get_queue(queue, ensure=False)
        while (message := await messages.get(no_ack=True, fail=False)) is not None:
            found.append(message)
        return found


async def publish_until_safe(bus: RabbitMQBus, message: Message) -> None:
    async def is_taken() -> bool:
        try:
            await bus.publish(message)
        except (BusAway, NotTaken):
            return False
        return True

    _taken: bool = await until(is_taken, RECOVERY_SECONDS_MAX)


async def test_fact_1_one_event_in_flight_twice_gets_two_answers(bus: RabbitMQBus, queue: Queue) -> None:
    """The client matches a returned message by its id alone; with the event's, the lost one would count as stored."""
    event_id, body = uuid4(), b"{}"
    wanted = Message(event_id, CaseClosedV1.wire_type, body)
    unwanted = Message(event_id, "cases.nobody_wants_this.v1", body)
    answers = await asyncio.gather(*(bus.publish(each) for each in [wanted, unwanted] * 50), return_exceptions=True)
    assert {type(answer) for answer in answers[::2]} == {type(None)}
    assert {type(answer) for answer in answers[1::2]} == {Unroutable}


async def test_fact_1_every_publish_has_an_id_of_its_own(bus: RabbitMQBus, queue: Queue, broker: LocalRabbitMQ) -> None:
    message = seal(an_event())
    await bus.publish(message)
    await bus.publish(message)
    ids = {each.message_id for each in await lying_in(broker, queue.name)}
    assert len(ids) == 2
    assert str(message.event_id) not in ids


@pytest.mark.parametrize("wire_type", ["cases.nobody_wants_this.v1", "nobody.publishes_here.v1"])
async def test_fact_2_an_unroutable_message_is_reported(bus: RabbitMQBus, queue: Queue, wire_type: str) -> None:
    with pytest.raises(Unroutable):
        await bus.publish(Message(uuid4(), wire_type, b"{}"))
    await bus.publish(seal(an_event()))


async def test_fact_3_a_consumer_the_broker_lost_track_of_listens_again(
    make_bus: Callable[..., RabbitMQBus], queue: Queue, broker: LocalRabbitMQ
) -> None:
    """A queue made again at once takes messages, and counts them as handed to a consumer that gets none."""
    bus, recorder, event = make_bus(idle_seconds_max=1.0), Recorder(), an_event()
    await bus.start()
    await bus.consume(recorder.of(queue))
    await bus.publish(seal(an_event()))
    await until(lambda: recorder.done)
    await delete_queues(broker.url, {queue})
    await bus.declare([queue])
    await bus.publish(seal(event))
    await until(lambda: id_of(event) in recorder.done)


async def test_fact_3_a_consumer_cancelled_by_the_broker_listens_again(
    bus: RabbitMQBus, queue: Queue, broker: LocalRabbitMQ
) -> None:
    recorder, event = Recorder(), an_event()
    await bus.consume(recorder.of(queue))
    await bus.publish(seal(an_event()))
    await until(lambda: recorder.done)
    await delete_queues(broker.url, {queue})
    await until(lambda: not bus.is_listening(queue.name))
    await bus.declare([queue])
    await bus.publish(seal(event))
    await until(lambda: id_of(event) in recorder.done)


async def test_fact_3_a_consumer_deaf_for_too_long_is_reported(
    make_bus: Callable[..., RabbitMQBus], queue: Queue, broker: LocalRabbitMQ
) -> None:
    bus, recorder = make_bus(deaf_seconds_max=0.5), Recorder()
    await bus.start()
    await bus.consume(recorder.of(queue))
    await bus.publish(seal(an_event()))
    await until(lambda: recorder.done)
    await delete_queues(broker.url, {queue})
    async with asyncio.timeout(RECOVERY_SECONDS_MAX):
        with pytest.raises(ConsumerDeaf, match=queue.name):
            await bus.wait_failed()


async def test_fact_4_a_frozen_broker_is_away_and_kills_no_task(
    make_bus: Callable[..., RabbitMQBus], queue: Queue, broker: LocalRabbitMQ
) -> None:
    """The first publish times out and its connection is given up, which ends the others with `CancelledError`."""
    bus = make_bus(publish_seconds_max=4.0)
    await bus.start()
    await bus.publish(seal(an_event()))
    async with frozen(broker):
        first = asyncio.create_task(bus.publish(seal(an_event())))
        done, _ = await asyncio.wait([first], timeout=3.0)
        assert not done
        others = [asyncio.create_task(bus.publish(seal(an_event()))) for _ in range(10)]
        async with asyncio.timeout(5):
            answers = await asyncio.gather(first, *others, return_exceptions=True)
        assert {type(answer) for answer in answers} == {BusAway}
        assert {type(answer.__cause__) for answer in answers if answer} == {TimeoutError, asyncio.CancelledError}
        async with asyncio.timeout(0.5):
            with pytest.raises(BusAway):
                await bus.publish(seal(an_event()))
    await publish_until_safe(bus, seal(an_event()))


async def test_fact_4_a_real_cancellation_passes(bus: RabbitMQBus, queue: Queue, broker: LocalRabbitMQ) -> None:
    async with frozen(broker):
        publishing = asyncio.create_task(bus.publish(seal(an_event())))
        await asyncio.wait([publishing], timeout=0.2)
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await publishing
    await publish_until_safe(bus, seal(an_event()))


async def test_fact_4_a_frozen_broker_is_found_out_by_ping(bus: RabbitMQBus, broker: LocalRabbitMQ) -> None:
    await bus.ping()
    async with frozen(broker), asyncio.timeout(5):
        with pytest.raises(BusAway):
            await bus.ping()

    async def is_back() -> bool:
        try:
            await bus.ping()
        except BusAway:
            return False
        return True

    _back: bool = await until(is_back, RECOVERY_SECONDS_MAX)


async def test_fact_5_what_failed_by_timeout_may_come_twice_under_one_id(
    bus: RabbitMQBus, queue: Queue, broker: LocalRabbitMQ
) -> None:
    recorder, event, later = Recorder(), an_event(), an_event()
    await bus.publish(seal(an_event()))
    async with frozen(broker):
        with pytest.raises(BusAway):
            await bus.publish(seal(event))
    await publish_until_safe(bus, seal(event))
    await publish_until_safe(bus, seal(later))
    await bus.consume(recorder.of(queue))
    await until(lambda: id_of(later) in recorder.done)
    assert recorder.done.count(id_of(event)) == 2


async def test_fact_6_every_queue_has_a_positive_delivery_limit() -> None:
    limits = [on_broker.arguments["x-delivery-limit"] for on_broker in queues_of(a_queue())]
    assert len(limits) == 4
    assert all(isinstance(limit, int) and limit > 0 for limit in limits)


async def test_fact_6_a_message_that_ends_its_consumers_is_put_aside_by_the_broker(
    bus: RabbitMQBus, queue: Queue, broker: LocalRabbitMQ
) -> None:
    event, recorder = an_event(), Recorder()
    await bus.publish(seal(event))
    async with await aio_pika.connect(broker.url) as connection:
        for _ in range(queue.delivery_limit * BROKER_LIMIT_FACTOR + 1):
            await take_one_and_vanish(connection, queue)
    await bus.consume(recorder.of(queue))
    await until(lambda: recorder.dead)
    assert recorder.dead[0].body == seal(event).body
    assert recorder.dead[0].reason.startswith("delivery_limit")
    assert not recorder.done


async def take_one_and_vanish(connection: aio_pika.abc.AbstractConnection, queue: Queue) -> None:
    async with connection.channel() as channel:
        messages = await channel.get_queue(queue.name, ensure=False)
        _taken: AbstractIncomingMessage | None = await until(lambda: messages.get(fail=False))


async def test_fact_7_a_long_climb_loses_nothing(
    make_bus: Callable[..., RabbitMQBus], bus: RabbitMQBus, broker: LocalRabbitMQ
) -> None:
    rungs = tuple(Rung(name, timedelta(milliseconds=20)) for name in ("a", "b", "c"))
    queue, tries_wanted = a_queue(rungs=rungs), 9

    async def early(_: Sequence[Envelope[Any]]) -> None:
        if len(recorder.batches) < tries_wanted:
            raise Retry

    recorder, event = Recorder(early), an_event()
    await bus.declare([queue])
    await bus.consume(recorder.of(queue))
    await bus.publish(seal(event))
    await until(lambda: recorder.done)
    assert recorder.done == [id_of(event)]
    assert len(recorder.batches) == tries_wanted
    await delete_queues(broker.url, {queue})


async def test_fact_10_headers_are_integers_and_strings(bus: RabbitMQBus, broker: LocalRabbitMQ) -> None:
    async def early(_: Sequence[Envelope[Any]]) -> None:
        raise Retry

    queue = a_queue(rungs=(Rung("hour", timedelta(hours=1)),))
    recorder = Recorder(early)
    await bus.declare([queue])
    await bus.consume(recorder.of(queue))
    message = seal(an_event(), traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    await bus.publish(message)

    async def look() -> list[AbstractIncomingMessage]:
        return await lying_in(broker, rung_name(queue.name, queue.rungs[0]))

    on_rung: list[AbstractIncomingMessage] = await until(look)
    ours = {name: value for name, value in on_rung[0].headers.items() if not name.startswith("x-")}
    assert ours == {"w4r-retries": 1, "traceparent": message.traceparent}
    assert all(type(value) in {int, str} for value in ours.values())
    await delete_queues(broker.url, {queue})


async def test_fact_10_a_time_comes_back_as_it_was_sent(bus: RabbitMQBus, queue: Queue) -> None:
    recorder, before = Recorder(), datetime.now(UTC)
    await bus.consume(recorder.of(queue))
    await bus.publish(Message(uuid4(), CaseClosedV1.wire_type, b"garbage"))
    await until(lambda: recorder.dead)
    assert before <= recorder.dead[0].died_at <= datetime.now(UTC)


async def test_fact_12_an_alarm_stops_publishers_and_no_consumer(
    bus: RabbitMQBus, queue: Queue, broker: LocalRabbitMQ
) -> None:
    recorder, events, late = Recorder(), [an_event() for _ in range(20)], an_event()
    for event in events:
        await bus.publish(seal(event))
    async with out_of_memory(broker):
        with pytest.raises(BusAway):
            await bus.publish(seal(late))
        async with asyncio.timeout(PUBLISH_SECONDS_MAX):
            with pytest.raises(BusAway, match="short of memory"):
                await bus.publish(seal(late))
        await bus.consume(recorder.of(queue))
        await until(lambda: set(map(id_of, events)) <= set(recorder.done))
    await publish_until_safe(bus, seal(late))
    await until(lambda: id_of(late) in recorder.done)


async def test_a_killed_broker_loses_nothing_it_confirmed(
    bus: RabbitMQBus, queue: Queue, broker: LocalRabbitMQ
) -> None:
    recorder = Recorder()
    await bus.consume(recorder.of(queue, batch_max=10, linger_seconds=0.01))
    confirmed, refused = 0, 0
    events = [an_event() for _ in range(300)]

    async def publish_all() -> None:
        nonlocal confirmed, refused
        for event in events[: len(events) // 2]:
            try:
                await bus.publish(seal(event))
                confirmed += 1
            except BusAway:
                refused += 1
                await publish_until_safe(bus, seal(event))

    publishing = asyncio.create_task(publish_all())
    await until(lambda: confirmed > 50)
    broker.kill()
    async with asyncio.timeout(1):
        with pytest.raises(BusAway):
            await publish_and_wait_for_fault(bus)
    await asyncio.to_thread(broker.start)
    await publishing
    await asyncio.gather(*(publish_until_safe(bus, seal(event)) for event in events[len(events) // 2 :]))
    await until(lambda: set(map(id_of, events)) <= set(recorder.done), RECOVERY_SECONDS_MAX)
    assert refused
    assert not recorder.dead


async def publish_and_wait_for_fault(bus: RabbitMQBus) -> None:
    while True:
        await bus.publish(seal(an_event()))


async def test_a_consumer_outlives_a_broker_that_freezes(bus: RabbitMQBus, queue: Queue, broker: LocalRabbitMQ) -> None:
    recorder, first, second = Recorder(), an_event(), an_event()
    await bus.consume(recorder.of(queue))
    await bus.publish(seal(first))
    await until(lambda: id_of(first) in recorder.done)
    async with frozen(broker):
        with pytest.raises(BusAway):
            await bus.publish(seal(second))
    await publish_until_safe(bus, seal(second))
    await until(lambda: id_of(second) in recorder.done)


async def test_a_bus_closes_in_time_while_the_broker_is_frozen(
    make_bus: Callable[..., RabbitMQBus], queue: Queue, broker: LocalRabbitMQ
) -> None:
    bus = make_bus()
    await bus.start()
    await bus.consume(Recorder().of(queue))
    await bus.publish(seal(an_event()))
    async with frozen(broker), asyncio.timeout(15):
        await bus.close()


async def test_a_halted_consumer_keeps_its_batch_until_it_closes(bus: RabbitMQBus, queue: Queue) -> None:
    async def database_away(_: Sequence[Envelope[Any]]) -> None:
        raise Halt

    halted, recorder, event = Recorder(database_away), Recorder(), an_event()
    await bus.consume(halted.of(queue))
    await bus.publish(seal(event))
    await until(lambda: len(halted.batches) > 2)
    async with asyncio.timeout(2):
        await bus.close()
    await bus.start()
    await bus.consume(recorder.of(queue))
    await until(lambda: recorder.done == [id_of(event)])


async def test_a_broker_that_cannot_be_reached_is_away_at_start() -> None:
    bus = RabbitMQBus("amqp://nobody:nothing@127.0.0.1:1/", name="facts")
    with pytest.raises(BusAway):
        await bus.start()
    with pytest.raises(BusAway):
        await bus.ping()


async def test_declaring_twice_is_harmless_and_otherwise_is_refused(
    bus: RabbitMQBus, queue: Queue, broker: LocalRabbitMQ
) -> None:
    await bus.declare([queue])
    changed = a_queue(name=queue.name, rungs=(Rung("short", timedelta(seconds=99)),))
    with pytest.raises(TopologyMismatch, match=r"retry\.short.*new name"):
        await bus.declare([changed])
    await bus.publish(seal(an_event()))


async def test_a_message_larger_than_a_frame_arrives_whole(
    bus: RabbitMQBus, broker: LocalRabbitMQ, queue: Queue
) -> None:
    bodies = [bytes([65 + number]) * size for number, size in enumerate((0, 1, 131_064, 131_065, 400_000))]
    answers = await bus.publish_all([Message(uuid4(), CaseClosedV1.wire_type, body) for body in bodies])
    assert answers == [None] * len(bodies)
    assert [each.body for each in await lying_in(broker, queue.name)] == bodies


async def test_of_a_burst_each_is_refused_for_its_own_reason(
    bus: RabbitMQBus, broker: LocalRabbitMQ, queue: Queue
) -> None:
    await asyncio.to_thread(
        broker.ctl, "set_policy", "full", f"^{queue.name}$", '{"max-length": 3}', "--apply-to", "queues"
    )
    try:
        with pytest.raises(NotTaken):
            async with asyncio.timeout(RECOVERY_SECONDS_MAX):
                await publish_and_wait_for_fault(bus)
        elsewhere = Message(uuid4(), "cases.nobody_wants_this.v1", b"{}")
        answers = await bus.publish_all([seal(an_event()), elsewhere, seal(an_event())])
        assert [type(answer) for answer in answers] == [NotTaken, Unroutable, NotTaken]
    finally:
        await asyncio.to_thread(broker.ctl, "clear_policy", "full")


async def test_a_full_queue_takes_no_more_and_says_so(bus: RabbitMQBus, broker: LocalRabbitMQ, queue: Queue) -> None:
    await asyncio.to_thread(
        broker.ctl, "set_policy", "full", f"^{queue.name}$", '{"max-length": 3}', "--apply-to", "queues"
    )
    with pytest.raises(NotTaken):
        async with asyncio.timeout(RECOVERY_SECONDS_MAX):
            await publish_and_wait_for_fault(bus)
    await asyncio.to_thread(broker.ctl, "clear_policy", "full")
