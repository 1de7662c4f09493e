"""An official's answer reaches a hidden supporter with its documents, and says what is not with it."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from uuid import UUID

import dkim
import pytest
from sqlalchemy import delete, update

from services.delivery.channels import Outcome
from services.delivery.dkim_signing import make_key
from services.delivery.enclosing import AIRBORNE_BYTES_MAX
from services.delivery.kinds import LetterKind
from services.delivery.states import LetterState
from services.delivery.tables import Attempt, IncomingMail, Letter
from shared.messages.actions import AnswerForwardingRequestedV1, Supporter
from shared.messages.delivery import AnswerReceivedV1
from tests.integration.test_delivery_home import RELAY, bring, kept, listening, told
from tests.support.delivery_service import DeliveryService, delivery_service, letter_of, many_actions
from tests.support.documents import PROGRAM, a_pdf, a_picture, attached, mixed_mail, words
from tests.support.events import CASE_ID, NOW
from tests.support.incoming_mails import a_bounce
from tests.support.smtp_sink import SmtpSink
from tests.support.staff_sessions import log_in
from tests.support.until import until

HIDDEN = Supporter(name="ليلى", email=None, country="JO")
PDF, SCAN = a_pdf(more=bytes(range(256)) * 500), a_picture("JPEG")
ANSWER = mixed_mail(
    attached(PDF, "application/octet-stream", "رد.pdf"),
    attached(PROGRAM, "application/pdf", "<script>alert(1)</script>.pdf"),
    attached(SCAN, "image/jpeg", "../../scan.jpg"),
    words("P.S. One more word."),
)
HEADINGS = re.compile(r"<h(\d)[ >]")


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[SmtpSink]:
    sink = SmtpSink(tmp_path / "sink")
    sink.start()
    yield sink
    sink.stop()


@pytest.fixture
def key(tmp_path: Path) -> tuple[Path, bytes]:
    """A file, and its DNS record."""
    secret, record = make_key()
    (tmp_path / "key").write_text(secret)
    return tmp_path / "key", record.encode()


@pytest.fixture
async def delivery(database_url: str, sink: SmtpSink, key: tuple[Path, bytes]) -> AsyncIterator[DeliveryService]:
    home = {"home_mailbox": "post@in.campaign.example", "home_secret": "a secret of the tests", "home_port": 0}
    signs = {"dkim_keys": {"young": key[0]}, "dkim_selector": "young"}
    async with delivery_service(database_url, smtp_url=sink.url, smtp_tls_required=False, **home, **signs) as service:
        yield service


async def answer(delivery: DeliveryService, *mails: bytes, language: str = "en") -> list[UUID]:
    """As a ministry does, to letters that went out; and actions ask for it to be forwarded. Returns the mails' ids."""
    actions = many_actions(len(mails), supporter=HIDDEN)
    await delivery.tell(*actions)
    async with delivery.sending(), listening(delivery) as port:
        await until(lambda: len(delivery.channel.taken) == len(mails))
        for action, mail in zip(actions, mails, strict=True):
            address = delivery.wiring.campaign.return_path(letter_of(action))
            assert (await bring(port, address, mail, RELAY)).startswith("250 ")
    received = await told(delivery, AnswerReceivedV1)
    for one in received:
        await delivery.tell(
            AnswerForwardingRequestedV1(
                answer_id=one.answer_id,
                action_id=one.action_id,
                case_id=CASE_ID,
                case_slug="a-test-case",
                country="JO",
                mailbox="supporter@mail.example",
                name="ليلى",
                language=language,
                requested_at=NOW,
            )
        )
    return [one.answer_id for one in received]


async def forwarded(delivery: DeliveryService) -> list[Letter]:
    return [letter for letter in await delivery.letters() if letter.kind is LetterKind.ANSWER]


async def taken(delivery: DeliveryService, sink: SmtpSink) -> bytes:
    """What a real mail server took for the supporter."""
    async with delivery.sending(delivery.wiring.channel):
        await until(lambda: sink.journal())
    [mail] = sink.journal()
    assert mail.recipients == ("supporter@mail.example",)
    return mail.raw.encode("utf-8", "surrogateescape")


def opened(content: bytes) -> tuple[str, list[tuple[str, str, bytes]]]:
    """The words, and of each document name, type and bytes."""
    mail = message_from_bytes(content, policy=default)
    assert isinstance(mail, EmailMessage)
    body = mail.get_body(("plain",))
    assert body is not None
    parts = [part for part in mail.iter_attachments() if isinstance(part, EmailMessage)]
    found = [(part.get_filename() or "", part.get_content_type(), part.get_payload(decode=True)) for part in parts]
    return body.get_content().replace("\r\n", "\n"), [(name, kind, bytes(content)) for name, kind, content in found]


async def test_the_supporter_gets_the_documents_byte_for_byte_and_is_told_what_is_not_there(
    delivery: DeliveryService, sink: SmtpSink, key: tuple[Path, bytes]
) -> None:
    await answer(delivery, ANSWER)
    raw = await taken(delivery, sink)
    text, documents = opened(raw)
    assert documents == [
        ("document-1.pdf", "application/pdf", PDF),
        ("document-2.jpg", "image/jpeg", SCAN),
        ("document-3.txt", "text/plain", b"P.S. One more word."),
    ]
    assert "Please find our answer attached." in text
    assert "are attached: 3\n" in text
    assert "are not attached: 1\n" in text
    assert b"script" not in raw
    assert dkim.verify(raw, dnsfunc=lambda *_, **__: key[1])
    [letter] = await forwarded(delivery)
    assert letter.state is LetterState.SENT
    assert len(letter.body) < 1_000, "what is attached is not copied into the row"


async def test_the_words_go_with_the_truth_where_the_answer_is_kept_no_more(
    delivery: DeliveryService, sink: SmtpSink
) -> None:
    await answer(delivery, ANSWER)
    async with delivery.wiring.database.transaction() as session:
        await session.exec(delete(IncomingMail))
    text, documents = opened(await taken(delivery, sink))
    assert documents == []
    assert "Please find our answer attached." in text
    assert "If documents came with this answer, they are not attached." in text


async def test_so_do_those_that_were_planned_by_the_version_before(delivery: DeliveryService, sink: SmtpSink) -> None:
    await answer(delivery, ANSWER, language="es")
    async with delivery.wiring.database.transaction() as session:
        await session.exec(update(Letter).values(bundle_id=None))
    text, documents = opened(await taken(delivery, sink))
    assert documents == []
    assert "Si con esta respuesta llegaron documentos, no van adjuntos." in text


async def test_large_answers_wait_for_one_another_and_small_ones_do_not(delivery: DeliveryService) -> None:
    large = attached(a_pdf(more=bytes(AIRBORNE_BYTES_MAX * 2 // 5)), "application/pdf", "a.pdf")
    small = attached(PDF, "application/pdf", "b.pdf")
    await answer(
        delivery, mixed_mail(large), mixed_mail(large, words("Again")), mixed_mail(small), mixed_mail(small, small)
    )

    async def put_back() -> list[Attempt]:
        return [one for one in await delivery.attempts() if one.outcome is Outcome.HOST_FAULT]

    async def three_are_sent() -> bool:
        return [one.state for one in await forwarded(delivery)].count(LetterState.SENT) == 3

    channel = delivery.channel
    channel.open.clear()
    before = len(channel.taken)
    async with delivery.sending():
        await until(lambda: channel.waiting == 3)
        await until(put_back)
        [waits] = [one for one in await forwarded(delivery) if one.state is LetterState.QUEUED]
        assert [one.letter_id for one in await put_back()] == [waits.id]
        assert waits.attempts == 0, "it is not its fault"
        channel.open.set()
        await until(three_are_sent)
        delivery.clock.advance(timedelta(minutes=2))
        await until(lambda: len(channel.taken) == before + 4)
    assert {len(opened(one.content)[1]) for one in channel.taken[before:]} == {1, 2}
    assert {one.state for one in await forwarded(delivery)} == {LetterState.SENT}


async def test_staff_see_what_is_passed_on_and_get_the_whole_as_a_file_that_no_browser_opens(
    delivery: DeliveryService,
) -> None:
    [answer_id] = await answer(delivery, ANSWER)
    page, file = f"/ops/incoming/{answer_id}", f"/ops/incoming/{answer_id}.eml"
    assert (await delivery.http.get(file)).status_code == 303, "only staff"
    log_in(delivery.http, delivery.wiring.staff)
    assert page in (await delivery.http.get("/ops/incoming")).text
    shown = (await delivery.http.get(page)).text
    assert HEADINGS.findall(shown)[:2] == ["1", "2"], "none is left out on the way down"
    assert "رد.pdf" in shown
    assert 'as <span class="mono">document-1.pdf</span>' in shown
    assert "no: it is no PDF, JPEG, PNG or plain text" in shown
    assert "<script>alert" not in shown
    whole = await delivery.http.get(file)
    assert whole.content == (await kept(delivery))[0].content
    assert whole.headers["content-disposition"] == f'attachment; filename="answer-{answer_id}.eml"'
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-security-policy"].startswith("sandbox;")
    assert whole.headers["cache-control"] == "no-store"
    [letter] = await forwarded(delivery)
    mail = (await delivery.http.get(f"/ops/letters/{letter.id}")).text
    assert 'Attached: <span class="mono">document-1.pdf</span>, ' in mail
    assert page in mail
    assert "not attached: 1\n" in mail


async def test_of_what_is_no_answer_staff_see_the_words_alone(delivery: DeliveryService) -> None:
    await answer(delivery, a_bounce())
    [bounce] = await kept(delivery)
    log_in(delivery.http, delivery.wiring.staff)
    assert "only the words are kept" in (await delivery.http.get(f"/ops/incoming/{bounce.id}")).text
    assert (await delivery.http.get(f"/ops/incoming/{bounce.id}.eml")).status_code == 404
    assert (await delivery.http.get(f"/ops/incoming/{CASE_ID}")).status_code == 404
    assert (await delivery.http.get("/ops/incoming/nothing")).status_code == 422
