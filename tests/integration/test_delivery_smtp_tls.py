"""TLS towards the smarthost: used when offered, with the certificate checked; required when asked for."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.delivery.channels import Accepted, Answer, HostFault, Phase, RenderedLetter
from services.delivery.channels.smtp import Smtp
from services.delivery.channels.smtp_pool import SmtpPool, read_smarthost
from services.delivery.rendering import render
from tests.support.delivery_letters import CAMPAIGN, a_composition
from tests.support.events import NOW


class Sessions:
    """Takes every letter, and remembers whether it came over TLS."""

    def __init__(self) -> None:
        self.over_tls: list[bool] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.over_tls.append(session.ssl is not None)
        return "250 taken"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, signed by itself."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    paths = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(file), "-out", str(file.with_suffix(".crt"))]
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    subprocess.run([*command.split(), *paths], check=True, capture_output=True)
    file.write_text(file.read_text() + file.with_suffix(".crt").read_text())
    return file


@asynccontextmanager
async def serving(sessions: Sessions, certificate: Path | None) -> AsyncIterator[str]:
    """A server on localhost, offering STARTTLS if it has a certificate."""
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(sessions, hostname="localhost", tls_context=context), "127.0.0.1", 0
    )
    yield f"smtp://localhost:{server.sockets[0].getsockname()[1]}"
    server.close()


async def hand_over(url: str, *, tls_required: bool = False, ca_file: Path | None = None) -> Answer:
    letter = render(a_composition(), CAMPAIGN, NOW)
    assert isinstance(letter, RenderedLetter)
    smarthost = read_smarthost(url, tls_required=tls_required, ca_file=ca_file, command_seconds_max=5)
    channel = Smtp(SmtpPool(smarthost, connections_max=1, letters_max=1), dot_seconds_max=5)
    return await channel.hand_over(letter)


async def test_tls_is_used_when_it_is_offered(certificate: Path) -> None:
    sessions = Sessions()
    async with serving(sessions, certificate) as url:
        assert isinstance(await hand_over(url, ca_file=certificate), Accepted)
    assert sessions.over_tls == [True]


async def test_a_certificate_nobody_vouches_for_is_a_fault_of_the_host(certificate: Path) -> None:
    sessions = Sessions()
    async with serving(sessions, certificate) as url:
        answer = await hand_over(url)
    assert (type(answer), answer.phase) == (HostFault, Phase.CONNECT)
    assert sessions.over_tls == []


async def test_without_an_offer_a_letter_goes_in_the_clear_unless_tls_is_required() -> None:
    sessions = Sessions()
    async with serving(sessions, None) as url:
        assert isinstance(await hand_over(url), Accepted)
        assert isinstance(await hand_over(url, tls_required=True), HostFault)
    assert sessions.over_tls == [False]
