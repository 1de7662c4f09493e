"""What only the bus without a broker must show."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from shared.bus import BusAway, Halt, NotTaken, Retry, Unroutable
from shared.bus.in_process import InProcessBus
from shared.bus.tasks import ConsumerEnded, Watched
from shared.messages.envelope import Envelope, seal
from tests.contract.bus_harness import Recorder, a_queue, an_event, id_of
from tests.support.until import until

Envelopes = Sequence[Envelope[Any]]


@pytest.fixture
async def bus() -> AsyncIterator[InProcessBus]:
    bus = InProcessBus(handle_seconds_max=0.5)
    await bus.start()
    yield bus
    await bus.close()


def raising(fault: Exception) -> Recorder:
    async def act(_: Envelopes) -> None:
        raise fault

    return Recorder(act)


async def test_publish_returns_when_every_queue_has_handled_it(bus: InProcessBus) -> None:
    recorders, event = [Recorder(), Recorder()], an_event()
    for recorder in recorders:
        await bus.consume(recorder.of(a_queue()))
    await bus.publish(seal(event))
    assert [recorder.done for recorder in recorders] == [[id_of(event)], [id_of(event)]]


@pytest.mark.parametrize("fault", [Retry(), ValueError()])
async def test_one_message_that_is_not_handled_is_not_taken_and_others_are(bus: InProcessBus, fault: Exception) -> None:
    await bus.consume(raising(fault).of(a_queue()))
    with pytest.raises(NotTaken):
        await bus.publish(seal(an_event()))


async def test_a_handler_that_halts_makes_the_bus_away(bus: InProcessBus) -> None:
    """One queue halted weighs more than another that refuses: the whole outbox waits."""
    await bus.consume(raising(ValueError()).of(a_queue()))
    await bus.consume(raising(Halt()).of(a_queue()))
    with pytest.raises(BusAway):
        await bus.publish(seal(an_event()))


async def test_a_queue_declared_but_not_consumed_takes_nothing_yet(bus: InProcessBus) -> None:
    with pytest.raises(Unroutable):
        await bus.publish(seal(an_event()))
    await bus.declare([a_queue()])
    with pytest.raises(NotTaken) as refusal:
        await bus.publish(seal(an_event()))
    assert not isinstance(refusal.value, Unroutable)


async def test_a_handler_that_publishes_to_itself_for_ever_ends_as_away(bus: InProcessBus) -> None:
    async def publish_again(_: Envelopes) -> None:
        await bus.publish(seal(an_event()))

    await bus.consume(Recorder(publish_again).of(a_queue()))
    with pytest.raises((BusAway, NotTaken)):
        await bus.publish(seal(an_event()))


async def test_an_event_whose_publisher_gave_up_is_not_handled_for_nobody(bus: InProcessBus) -> None:
    """It comes again with the outbox; handling it now would only be done twice."""
    may_end = asyncio.Event()

    async def wait(_: Envelopes) -> None:
        await may_end.wait()

    recorder, first, second = Recorder(wait), an_event(), an_event()
    await bus.consume(recorder.of(a_queue()))
    given_up = [asyncio.create_task(bus.publish(seal(event))) for event in (first, second)]
    await until(lambda: recorder.batches)
    for publishing in given_up:
        publishing.cancel()
    await asyncio.gather(*given_up, return_exceptions=True)
    may_end.set()
    await bus.publish(seal(an_event()))
    assert recorder.tries_of(first) == 1
    assert recorder.tries_of(second) == 0


async def test_who_waits_when_the_bus_closes_learns_that_it_is_away(bus: InProcessBus) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def wait(_: Envelopes) -> None:
        begun.set()
        await may_end.wait()

    await bus.consume(Recorder(wait).of(a_queue()))
    in_hand = asyncio.create_task(bus.publish(seal(an_event())))
    await begun.wait()
    waiting = asyncio.create_task(bus.publish(seal(an_event())))
    await asyncio.sleep(0)
    closing = asyncio.create_task(bus.close())
    await asyncio.sleep(0)
    may_end.set()
    await closing
    await in_hand
    with pytest.raises(BusAway):
        await waiting


@pytest.mark.parametrize("fault", [ValueError(), asyncio.CancelledError(), None])
async def test_a_task_that_ends_by_itself_is_noticed(fault: BaseException | None) -> None:
    async def end() -> None:
        if fault is not None:
            raise fault

    watched = Watched()
    watched.begin(end(), "a consumer")
    async with asyncio.timeout(1):
        with pytest.raises(ValueError if isinstance(fault, ValueError) else ConsumerEnded):
            await watched.wait_failed()
