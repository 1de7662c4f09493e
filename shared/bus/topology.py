"""What lies on the broker for one `Queue`: names and arguments. Declared in one place, harmless to repeat."""

from dataclasses import dataclass
from datetime import timedelta

from aio_pika.abc import AbstractChannel, ExchangeType
from pamqp.common import FieldTable

from shared.bus import Queue, Rung, TopologyMismatch
from shared.messages.envelope import exchange_of

# A missing limit means "none" to RabbitMQ 3 and "20, then drop" to 4; a negative one kills at once on 3.10.
DELIVERY_LIMIT_NONE = 2**31 - 1
# The consumer itself puts a message aside after `delivery_limit` failures. The broker's own limit is for messages
# that end their consumers, and must be higher: it also counts what was only waiting in the hands of a consumer
# that was cut off, and a few restarts in a row must not kill messages nobody has looked at.
BROKER_LIMIT_FACTOR = 4


@dataclass(frozen=True)
class QueueOnBroker:
    name: str
    arguments: FieldTable


def dead_name(queue: str) -> str:
    return f"{queue}.dead"


def rung_name(queue: str, rung: Rung) -> str:
    return f"{queue}.retry.{rung.name}"


def queues_of(queue: Queue) -> list[QueueOnBroker]:
    """The dead queue, the queue, its rungs: each exists before something is dead-lettered into it."""
    limit = queue.delivery_limit * BROKER_LIMIT_FACTOR
    return [
        QueueOnBroker(dead_name(queue.name), _quorum(DELIVERY_LIMIT_NONE)),
        QueueOnBroker(queue.name, _quorum(limit) | _dead_letters_to(dead_name(queue.name))),
        *(
            QueueOnBroker(
                rung_name(queue.name, rung),
                _quorum(DELIVERY_LIMIT_NONE)
                | _dead_letters_to(queue.name)
                | {"x-message-ttl": _milliseconds(rung.wait)},
            )
            for rung in queue.rungs
        ),
    ]


def bindings_of(queue: Queue) -> list[tuple[str, str]]:
    """Exchange and routing key for each event that the queue wants."""
    return [(exchange_of(event.wire_type), event.wire_type) for event in queue.events]


async def declare_exchange(channel: AbstractChannel, name: str) -> None:
    await channel.declare_exchange(name, ExchangeType.TOPIC, durable=True)


async def declare(channel: AbstractChannel, queue: Queue) -> None:
    """Make everything for `queue`. Raises `TopologyMismatch`, or the client's own faults."""
    for on_broker in queues_of(queue):
        await channel.declare_queue(on_broker.name, durable=True, arguments=on_broker.arguments)
    bound = await channel.get_queue(queue.name, ensure=False)
    for exchange, routing_key in bindings_of(queue):
        await declare_exchange(channel, exchange)
        await bound.bind(exchange, routing_key)


def explain_mismatch(queue: Queue, mismatch: TopologyMismatch) -> TopologyMismatch:
    return TopologyMismatch(
        f"{mismatch}. A queue's arguments never change: give it a new name, or stop its publishers and consumers, "
        f"let it run empty, delete {queue.name} with its .retry.* and .dead queues, and start again."
    )


def _quorum(delivery_limit: int) -> FieldTable:
    return {"x-queue-type": "quorum", "x-delivery-limit": delivery_limit}


def _dead_letters_to(queue: str) -> FieldTable:
    # At least once: the broker forgets a dead message only when the other queue has it. That needs reject-publish.
    return {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": queue,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def _milliseconds(wait: timedelta) -> int:
    return int(wait / timedelta(milliseconds=1))
