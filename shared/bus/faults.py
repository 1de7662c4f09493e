"""What a fault of the broker or its client means to us. Every translation is made here and nowhere else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aio_pika.exceptions import (
    AMQPError,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    DeliveryError,
    PublishError,
)
from pamqp.exceptions import PAMQPException

from shared.bus import BusAway, NotTaken, TopologyMismatch, Unroutable

# RuntimeError is what the client raises when it is used after its connection went away.
CLIENT_FAULTS = (AMQPError, PAMQPException, OSError, RuntimeError)


def translate(fault: BaseException) -> BusAway | NotTaken | TopologyMismatch:
    """The fault in the bus's own words. It carries no address: a broker's URL holds a password."""
    match fault:
        case PublishError():
            return Unroutable("no queue is bound for it")
        case DeliveryError():
            return NotTaken("the broker refused it, as it does when a queue is full")
        case ChannelPreconditionFailed():
            return TopologyMismatch(f"the broker has it otherwise: {fault}")
        case ChannelNotFoundEntity():
            return BusAway(f"the broker does not know it: {fault}")
        case TimeoutError():
            return BusAway("the broker did not answer in time")
        case asyncio.CancelledError() | ChannelInvalidStateError():
            return BusAway("the connection died under way")
        case _:
            return BusAway(f"the broker is away: {type(fault).__name__}")


@asynccontextmanager
async def broker_faults(seconds_max: float) -> AsyncIterator[None]:
    """Whatever goes wrong with the broker in here is raised as `translate` says, after `seconds_max` at the latest.

    A connection that dies of silence ends our waits with `CancelledError`, in a task that nobody cancelled, and
    `except Exception` would miss it. A cancellation that is meant for the task itself passes.
    """
    task = asyncio.current_task()
    cancellations = task.cancelling() if task else 0
    try:
        async with asyncio.timeout(seconds_max):
            yield
    except asyncio.CancelledError as fault:
        if task and task.cancelling() > cancellations:
            raise
        raise translate(fault) from fault
    except CLIENT_FAULTS as fault:
        raise translate(fault) from fault
