"""Many letters in one document: a digest by mail whose letters share its fate, and bundles for paper."""

import hashlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from subprocess import run
from typing import Any

import pytest

from services.delivery.channels import Accepted, Answer, Phase, Refused, RenderedLetter, Unknown
from services.delivery.claiming import HandoverResult
from services.delivery.kinds import LetterKind
from services.delivery.states import LetterState
from shared.bus import Retry
from shared.messages.actions import Letter, LetterPostedV1, Supporter
from shared.messages.cases import Channel
from shared.messages.delivery import LetterBouncedV1, LetterPrintedV1, LetterSentV1, LetterUncertainV1
from tests.support.delivery_service import STAFF_TOKEN, DeliveryService, delivery_service, letter_of, many_actions
from tests.support.events import CASE_ID, MINISTRY, a_closed_case, an_accepted_action
from tests.support.staff_sessions import log_in
from tests.support.until import until

API = "/api/v1/delivery"
BEARER = {"Authorization": f"Bearer {STAFF_TOKEN}", "Staff-Name": "Amina"}
OWN_FORM = {"Origin": "https://site.example"}
DAY = timedelta(days=1)
ARABIC = Letter(subject="أفرجوا عنه", body="معالي الوزير،\n\nأكتب إليكم.", language="ar")


@pytest.fixture
async def delivery(database_url: str, tmp_path: Path) -> AsyncIterator[DeliveryService]:
    async with delivery_service(database_url, bundles_folder=tmp_path / "drop") as service:
        yield service


async def ask(delivery: DeliveryService, method: str, path: str, expected: int = 200, **json: Any) -> Any:
    answer = await delivery.http.request(method, API + path, json=json or None, headers=BEARER)
    assert answer.status_code == expected, answer.text
    return answer.json() if answer.content and answer.headers["content-type"] == "application/json" else answer.content


async def wants(delivery: DeliveryService, mode: str, **more: Any) -> None:
    policy = {"mode": mode, **more}
    await ask(delivery, "PUT", f"/targets/{MINISTRY.id}/policy", policy=policy, why="their wish")


async def next_day(delivery: DeliveryService) -> None:
    delivery.clock.advance(DAY)
    await delivery.wiring.bundling.make_due()


async def send(delivery: DeliveryService) -> RenderedLetter:
    async with delivery.sending():
        await until(lambda: delivery.channel.taken)
    return delivery.channel.taken[-1]


async def answer_digest(delivery: DeliveryService, answer: Answer) -> None:
    claims = delivery.claims()
    [digest] = await claims.claim(10, 10)
    await claims.record([HandoverResult(digest, answer, delivery.clock.now(), delivery.clock.now())])


def text_of(pdf: bytes, path: Path) -> str:
    path.write_bytes(pdf)
    return run(["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True).stdout


async def letter_states(delivery: DeliveryService) -> set[LetterState]:
    return {letter.state for letter in await delivery.letters() if letter.kind is LetterKind.LETTER}


async def test_a_digest_brings_all_letters_in_one_mail_and_they_are_sent_with_it(
    delivery: DeliveryService, tmp_path: Path
) -> None:
    await delivery.tell(*many_actions(3))
    hidden = Supporter(name="ليلى", email=None, country="JO")
    await delivery.tell(an_accepted_action(letter=ARABIC, supporter=hidden))
    await wants(delivery, "digest")
    assert await delivery.claims().claim(10) == []
    await delivery.wiring.bundling.make_due()
    assert await letter_states(delivery) == {LetterState.QUEUED}
    await next_day(delivery)
    assert await letter_states(delivery) == {LetterState.BUNDLED}
    mail = message_from_bytes((await send(delivery)).content, policy=default)
    assert mail["Subject"] == "4 letters to you"
    body = mail.get_body(("plain",))
    assert body is not None
    assert "4 letters from 2 countries" in body.get_content()
    [attachment] = mail.iter_attachments()
    text = text_of(attachment.get_content(), tmp_path / "digest.pdf")
    assert text.count("please act") == 3
    assert text.count("supporter@mail.example") == 3
    assert await letter_states(delivery) == {LetterState.SENT}
    reports = await delivery.reports()
    assert [type(report) for report in reports] == [LetterSentV1] * 4
    await next_day(delivery)
    assert len(delivery.channel.taken) == 1


@pytest.mark.parametrize(
    ("answer", "state", "report"),
    [
        (Accepted(Phase.DOT, 250), LetterState.SENT, LetterSentV1),
        (Refused(Phase.RCPT, 550, "5.2.2 full"), LetterState.BOUNCED, LetterBouncedV1),
        (Unknown(Phase.DOT), LetterState.UNCERTAIN, LetterUncertainV1),
    ],
)
async def test_letters_share_the_fate_of_their_digest(
    delivery: DeliveryService, answer: Answer, state: LetterState, report: type[Any]
) -> None:
    await delivery.tell(*many_actions(2))
    await wants(delivery, "digest")
    await next_day(delivery)
    await answer_digest(delivery, answer)
    assert await letter_states(delivery) == {state}
    assert [type(told) for told in await delivery.reports()] == [report] * 2


async def test_an_uncertain_digest_is_sent_again_as_a_whole_and_its_letters_never_by_themselves(
    delivery: DeliveryService,
) -> None:
    await delivery.tell(*many_actions(2))
    await wants(delivery, "digest")
    await next_day(delivery)
    await answer_digest(delivery, Unknown(Phase.DOT))
    delivery.clock.advance(timedelta(hours=1))
    await delivery.sweep().sweep()
    assert await letter_states(delivery) == {LetterState.UNCERTAIN}
    await answer_digest(delivery, Accepted(Phase.DOT, 250))
    assert await letter_states(delivery) == {LetterState.SENT}


async def test_what_was_stopped_since_is_not_in_the_document(delivery: DeliveryService, tmp_path: Path) -> None:
    other = an_accepted_action(case_id=MINISTRY.id, case_slug="another-case", letter=ARABIC)
    await delivery.tell(*many_actions(2), other)
    await wants(delivery, "digest")
    await next_day(delivery)
    await delivery.tell(a_closed_case(case_id=CASE_ID))
    mail = message_from_bytes((await send(delivery)).content, policy=default)
    [attachment] = mail.iter_attachments()
    text = text_of(attachment.get_content(), tmp_path / "digest.pdf")
    assert "please act" not in text
    states = {letter.case_slug: letter.state for letter in await delivery.letters() if letter.kind is LetterKind.LETTER}
    assert states == {"a-test-case": LetterState.CANCELLED, "another-case": LetterState.SENT}


async def test_paper_is_dropped_with_its_manifest_and_counts_as_printed_once_staff_say_so(
    delivery: DeliveryService, tmp_path: Path
) -> None:
    await delivery.tell(*many_actions(3))
    await wants(delivery, "handover")
    await next_day(delivery)
    assert await delivery.claims().claim(10, 10) == []
    [bundle] = await ask(delivery, "GET", "/bundles")
    assert (bundle["letters"], bundle["mode"], bundle["printed_at"]) == (3, "handover", None)
    [manifest_file] = (tmp_path / "drop").glob("*.json")
    manifest = json.loads(manifest_file.read_text())
    pdf = (tmp_path / "drop" / manifest["file"]).read_bytes()
    assert hashlib.sha256(pdf).hexdigest() == manifest["sha256"] == bundle["sha256"]
    assert len(manifest["letters"]) == 3
    assert "Signature or stamp" in text_of(pdf, tmp_path / "bundle.pdf")
    assert (await ask(delivery, "GET", f"/bundles/{bundle['id']}.pdf")) == pdf
    assert await letter_states(delivery) == {LetterState.BUNDLED}
    for _ in range(2):
        await ask(delivery, "POST", f"/bundles/{bundle['id']}/printed", 204, why="our printer")
    assert await letter_states(delivery) == {LetterState.PRINTED}
    handed = {"to_whom": "the ministry's front office", "why": "I was there"}
    await ask(delivery, "POST", f"/bundles/{bundle['id']}/handed-over", 204, **handed)
    assert await letter_states(delivery) == {LetterState.HANDED_OVER}
    assert [type(report) for report in await delivery.reports()] == [LetterPrintedV1] * 3
    [bundle] = await ask(delivery, "GET", "/bundles")
    assert (bundle["handed_over_by"], bundle["handed_over_to"]) == ("Amina", "the ministry's front office")
    await delivery.wiring.bundling.make_due()
    assert len(list((tmp_path / "drop").iterdir())) == 2
    await ask(delivery, "POST", f"/bundles/{CASE_ID}/printed", 404, why="nobody")


async def test_letters_on_paper_wait_for_their_targets_bundle(delivery: DeliveryService, tmp_path: Path) -> None:
    await delivery.tell(an_accepted_action(channel=Channel.POST))
    assert await delivery.claims().claim(10, 10) == []
    await wants(delivery, "print")
    await ask(delivery, "POST", f"/bundles/of/{MINISTRY.id}", 202, why="we print today")
    await delivery.wiring.bundling.make_due()
    [bundle] = await ask(delivery, "GET", "/bundles")
    text = text_of(await ask(delivery, "GET", f"/bundles/{bundle['id']}.pdf"), tmp_path / "print.pdf")
    assert "1 Example Street" in text


async def test_a_policy_without_bundles_lets_what_waits_go_by_itself(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(2))
    await wants(delivery, "digest")
    assert await delivery.claims().claim(10) == []
    await wants(delivery, "single")
    assert len(await delivery.claims().claim(10)) == 2


async def test_what_is_paused_is_in_no_bundle(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(2))
    await wants(delivery, "print")
    await ask(delivery, "POST", "/pauses", 204, scope="case", subject=str(CASE_ID), why="the family asked")
    await next_day(delivery)
    assert await ask(delivery, "GET", "/bundles") == []
    await ask(delivery, "POST", "/pauses/resume", 204, scope="case", subject=str(CASE_ID), why="they agree")
    await next_day(delivery)
    assert len(await ask(delivery, "GET", "/bundles")) == 1


async def test_letters_that_wait_for_a_weekly_bundle_do_not_expire(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action())
    await wants(delivery, "print", every="week")
    delivery.clock.advance(timedelta(days=6))
    await delivery.sweep().sweep()
    assert await letter_states(delivery) == {LetterState.QUEUED}


async def test_the_page_shows_bundles_and_takes_staffs_word(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action())
    await wants(delivery, "print")
    await next_day(delivery)
    [bundle] = await ask(delivery, "GET", "/bundles")
    log_in(delivery.http, delivery.wiring.staff)
    page = await delivery.http.get("/ops/bundles")
    assert MINISTRY.name in page.text
    path = f"/ops/bundles/{bundle['id']}"
    assert (await delivery.http.get(f"{path}.pdf")).content.startswith(b"%PDF")
    form = {"why": "we did", "to_whom": "the front office"}
    assert (await delivery.http.post(f"{path}/handed-over", data={"why": "x"}, headers=OWN_FORM)).status_code == 422
    assert (await delivery.http.post(f"{path}/printed", data=form, headers=OWN_FORM)).status_code == 303
    assert (await delivery.http.post(f"{path}/handed-over", data=form, headers=OWN_FORM)).status_code == 303
    assert "the front office" in (await delivery.http.get("/ops/bundles")).text
    letter = await delivery.letter(letter_of(an_accepted_action()))
    assert (await delivery.http.get(f"/ops/letters/{letter.id}")).status_code == 200


async def test_what_its_supporter_posted_is_printed_by_nobody_else(delivery: DeliveryService) -> None:
    action = an_accepted_action(channel=Channel.POST)
    posted = LetterPostedV1(
        letter_id=letter_of(action),
        action_id=action.action_id,
        case_id=CASE_ID,
        case_slug="a-test-case",
        target_id=MINISTRY.id,
        posted_at=delivery.clock.now(),
    )
    with pytest.raises(Retry):
        await delivery.tell(posted)
    await delivery.tell(action)
    for _ in range(2):
        await delivery.tell(posted)
    assert [type(report) for report in await delivery.reports()] == [LetterPrintedV1]
    await wants(delivery, "print")
    await next_day(delivery)
    assert await ask(delivery, "GET", "/bundles") == []
