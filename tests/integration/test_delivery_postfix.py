"""Through a real Postfix as smarthost: a letter arrives, and one that its next hop refuses bounces and comes home."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.delivery.home.mail import IncomingKind
from services.delivery.states import LetterState
from shared.messages.delivery import LetterBouncedV1, LetterSentV1
from tests.support.delivery_service import DeliveryService, delivery_service, many_actions
from tests.support.events import EMBASSY, MINISTRY, an_accepted_action
from tests.support.postfix import Postfix, is_possible, postfix
from tests.support.smtp_sink import SmtpSink
from tests.support.until import until

HOME = "home@letters.campaign.example"

pytestmark = pytest.mark.skipif(not is_possible() and "CI" not in os.environ, reason="needs Debian's postfix and root")


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[SmtpSink]:
    sink = SmtpSink(tmp_path / "sink", {"embassy.example": "550"})
    sink.start()
    yield sink
    sink.stop()


@pytest.fixture
async def delivery(tmp_path: Path, sink: SmtpSink) -> AsyncIterator[tuple[DeliveryService, Postfix]]:
    """Delivery, its listener, and the Postfix between it and the sink."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'delivery.db'}"
    home = {"home_mailbox": HOME, "home_secret": "a secret of the tests", "home_port": 0}
    folder = tmp_path / "postfix"
    folder.mkdir()
    for part in folder.parents:  # Postfix's own user must get there
        if part.is_relative_to("/tmp") and part != Path("/tmp"):
            part.chmod(part.stat().st_mode | 0o055)
    async with delivery_service(url, **home) as listened:
        listener, stop = listened.wiring.listener(), asyncio.Event()
        assert listener is not None
        running = asyncio.create_task(listener.run(stop))
        await until(lambda: listener.port)
        routes = {"*": sink.port, "letters.campaign.example": listener.port}
        with postfix(folder, routes) as relay:
            async with delivery_service(url, smtp_url=relay.url, **home) as service:
                yield service, relay
        stop.set()
        await running


async def test_letters_arrive_and_a_real_bounce_comes_home(
    delivery: tuple[DeliveryService, Postfix], sink: SmtpSink
) -> None:
    service, relay = delivery
    await service.tell(*many_actions(3))
    await service.tell(an_accepted_action(targets=(EMBASSY,)))
    async with service.sending(service.wiring.channel):
        await until(lambda: len(sink.journal()) == 3, 30)
        await until(lambda: bounced(service), 30)
        await until(lambda: relay.queued() == 0, 30)
    states = sorted((letter.to_address or "", letter.state) for letter in await service.letters())
    assert states == [(MINISTRY.email, LetterState.SENT)] * 3 + [(EMBASSY.email, LetterState.BOUNCED)]
    kinds = [type(report) for report in await service.reports()]
    assert (kinds.count(LetterSentV1), kinds.count(LetterBouncedV1)) == (4, 1), "first called sent, then corrected"
    [mail] = await service.wiring.incoming.list()
    assert (mail.kind, mail.code, mail.status) == (IncomingKind.BOUNCE, 550, "5.1.1")
    assert [one.address for one in await service.wiring.suppressions.list()] == [EMBASSY.email]


async def bounced(service: DeliveryService) -> bool:
    return LetterState.BOUNCED in await service.states()
