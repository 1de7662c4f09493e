"""A bus that does what a test tells it, and keeps what it was given."""

from collections.abc import Callable, Sequence

from shared.bus import BusAway, NotTaken, PublishFault
from shared.messages.envelope import Message


class RecordingBus:
    """Takes every message, unless `refuse` returns an exception for it."""

    def __init__(self, refuse: Callable[[Message], Exception | None] = lambda _: None) -> None:
        self.published: list[Message] = []
        self.refuse = refuse

    async def publish(self, message: Message) -> None:
        if fault := self.refuse(message):
            raise fault
        self.published.append(message)

    async def publish_all(self, messages: Sequence[Message]) -> list[PublishFault | None]:
        faults: list[PublishFault | None] = []
        for message in messages:
            try:
                await self.publish(message)
                faults.append(None)
            except (BusAway, NotTaken) as fault:
                faults.append(fault)
        return faults
