"""The operator's console and its API: who gets in, what they see, what they can do."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from services.delivery.channels import Accepted, Answer, Phase, Refused, Unknown
from services.delivery.channels.to_folder import ToFolder
from services.delivery.claiming import HandoverResult
from services.delivery.states import LetterState
from shared.messages.delivery import LetterCancelledV1, LetterSentV1, LetterUncertainV1
from shared.web.staff import COOKIE, COOKIE_SECONDS
from tests.support.delivery_service import (
    SITE,
    STAFF_TOKEN,
    DeliveryService,
    delivery_service,
    letter_of,
    many_actions,
)
from tests.support.events import MINISTRY, NOW, a_closed_case, an_accepted_action, uuid_of
from tests.support.until import until

BEARER = {"Authorization": f"Bearer {STAFF_TOKEN}"}
OWN_FORM = {"Origin": SITE}
LETTERS = "/api/v1/letters"
REFUSED = Refused(Phase.RCPT, 550, "no such mailbox")


@pytest.fixture
async def delivery(database_url: str) -> AsyncIterator[DeliveryService]:
    async with delivery_service(database_url) as service:
        yield service


async def log_in(delivery: DeliveryService) -> httpx.Response:
    return await delivery.http.post("/ops/login", data={"token": STAFF_TOKEN}, headers=OWN_FORM)


async def a_letter(delivery: DeliveryService, answer: Answer | None = None) -> UUID:
    """One letter in the table, after `answer` if one is given."""
    action = an_accepted_action()
    await delivery.tell(action)
    if answer:
        claims = delivery.claims()
        (claimed,) = await claims.claim(1)
        await claims.record([HandoverResult(claimed, answer, NOW, NOW)])
    return letter_of(action)


WHY = {"why": "they asked"}
PATHS = [
    ("GET", LETTERS),
    ("GET", f"{LETTERS}/{uuid_of(1)}"),
    ("POST", f"{LETTERS}/{uuid_of(1)}/retry"),
    ("POST", f"{LETTERS}/{uuid_of(1)}/cancel"),
    ("POST", f"{LETTERS}/{uuid_of(1)}/arrived"),
    ("GET", "/ops/letters"),
    ("GET", f"/ops/letters/{uuid_of(1)}"),
    ("POST", f"/ops/letters/{uuid_of(1)}/retry"),
    ("POST", f"/ops/letters/{uuid_of(1)}/cancel"),
]
DOORS = [*PATHS, ("GET", "/ops"), ("GET", "/ops/login"), ("POST", "/ops/login"), ("POST", "/ops/logout")]


@pytest.mark.parametrize(("method", "path"), DOORS)
async def test_without_a_staff_token_there_is_nothing_here(tmp_path: Path, method: str, path: str) -> None:
    async with delivery_service(f"sqlite+aiosqlite:///{tmp_path / 'd.db'}", staff_token=None) as delivery:
        answer = await delivery.http.request(method, path, headers=BEARER | OWN_FORM)
        assert answer.status_code == 404


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {STAFF_TOKEN}"}])
async def test_strangers_see_and_do_nothing(tmp_path: Path, method: str, path: str, headers: dict[str, str]) -> None:
    async with delivery_service(f"sqlite+aiosqlite:///{tmp_path / 'd.db'}") as delivery:
        answer = await delivery.http.request(method, path, headers=headers)
        if path.startswith("/api/"):
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
        else:
            assert (answer.status_code, answer.headers["location"]) == (303, "/ops/login")


async def test_a_bearer_does_not_open_pages_and_a_cookie_does_not_open_the_api(delivery: DeliveryService) -> None:
    assert (await delivery.http.get("/ops/letters", headers=BEARER)).status_code == 303
    await log_in(delivery)
    assert (await delivery.http.get(LETTERS)).status_code == 401


async def test_the_right_token_opens_a_session_that_scripts_and_other_sites_cannot_use(
    delivery: DeliveryService,
) -> None:
    answer = await log_in(delivery)
    assert (answer.status_code, answer.headers["location"]) == (303, "/ops/letters")
    cookie = answer.headers["set-cookie"].lower()
    for part in ("httponly", "samesite=strict", "secure", "path=/ops", f"max-age={COOKIE_SECONDS}"):
        assert part in cookie
    assert STAFF_TOKEN not in cookie
    assert (await delivery.http.get("/ops/letters")).status_code == 200


async def test_a_wrong_token_opens_nothing(delivery: DeliveryService) -> None:
    answer = await delivery.http.post("/ops/login", data={"token": "a guess"}, headers=OWN_FORM)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert "That is not the staff token." in answer.text
    assert "a guess" not in answer.text


async def test_a_session_ends_after_twelve_hours(delivery: DeliveryService) -> None:
    await log_in(delivery)
    delivery.clock.advance(timedelta(seconds=COOKIE_SECONDS))
    assert (await delivery.http.get("/ops/letters")).status_code == 200
    delivery.clock.advance(timedelta(seconds=2))
    assert (await delivery.http.get("/ops/letters")).status_code == 303


@pytest.mark.parametrize("cookie", ["", "staff", "staff.Zm9v.bar", "x" * 3000])
async def test_a_made_up_session_opens_nothing(delivery: DeliveryService, cookie: str) -> None:
    answer = await delivery.http.get("/ops/letters", headers={"Cookie": f"{COOKIE}={cookie}"})
    assert answer.status_code == 303


async def test_a_new_token_ends_every_session(delivery: DeliveryService, tmp_path: Path) -> None:
    await log_in(delivery)
    cookie = {"Cookie": f"{COOKIE}={delivery.http.cookies[COOKIE]}"}
    url = f"sqlite+aiosqlite:///{tmp_path / 'other.db'}"
    async with delivery_service(url, staff_token="another-token-altogether") as other:
        assert (await other.http.get("/ops/letters", headers=cookie)).status_code == 303


async def test_logging_out_ends_the_session(delivery: DeliveryService) -> None:
    await log_in(delivery)
    await delivery.http.post("/ops/logout", headers=OWN_FORM)
    assert (await delivery.http.get("/ops/letters")).status_code == 303


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
async def test_a_form_from_elsewhere_does_nothing(delivery: DeliveryService, headers: dict[str, str]) -> None:
    letter_id = await a_letter(delivery)
    await log_in(delivery)
    for action in (f"/ops/letters/{letter_id}/cancel", "/ops/login", "/ops/logout"):
        answer = await delivery.http.post(action, data={"token": STAFF_TOKEN}, headers=headers)
        assert answer.status_code == 403
    assert (await delivery.letter()).state is LetterState.QUEUED


async def test_the_list_can_be_walked_page_by_page_without_missing_one(delivery: DeliveryService) -> None:
    for number, action in enumerate(many_actions(11)):
        await delivery.tell(action)
        delivery.clock.advance(timedelta(seconds=number % 2))
    seen, url = [], f"{LETTERS}?state=queued&limit=3"
    while url:
        page = (await delivery.http.get(url, headers=BEARER)).json()
        assert len(page["letters"]) <= 3
        seen += [letter["id"] for letter in page["letters"]]
        url = page["next"]
    assert len(seen) == len(set(seen)) == 11
    assert page["counts"] == dict.fromkeys(LetterState, 0) | {"queued": 11}


async def test_the_list_says_nothing_of_who_wrote_or_what(delivery: DeliveryService) -> None:
    await a_letter(delivery)
    text = (await delivery.http.get(LETTERS, headers=BEARER)).text
    assert "supporter@mail.example" not in text
    assert "Dear Minister" not in text


@pytest.mark.parametrize(
    "query", ["state=nonsense", "limit=0", "limit=201", "limit=x", "after=!", "after=AAAA", "after=" + "a" * 300]
)
async def test_a_question_that_makes_no_sense_is_said_so(delivery: DeliveryService, query: str) -> None:
    answer = await delivery.http.get(f"{LETTERS}?{query}", headers=BEARER)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_one_letter_is_shown_with_its_attempts_and_as_mail(delivery: DeliveryService) -> None:
    letter_id = await a_letter(delivery, REFUSED)
    answer = await delivery.http.get(f"{LETTERS}/{letter_id}", headers=BEARER)
    letter = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert (letter["state"], letter["to_address"]) == ("bounced", MINISTRY.email)
    assert [(a["phase"], a["code"], a["outcome"], a["text"]) for a in letter["tries"]] == [
        ("rcpt", 550, "bounced", "no such mailbox")
    ]
    assert f"Message-ID: <{letter_id}@" in letter["mail"]


async def test_a_letter_that_is_not_there_is_not_found(delivery: DeliveryService) -> None:
    for method, path in PATHS[1:4]:
        assert (await delivery.http.request(method, path, headers=BEARER, json=WHY)).status_code == 404


async def test_a_bounced_letter_can_be_sent_again(delivery: DeliveryService) -> None:
    letter_id = await a_letter(delivery, REFUSED)
    answer = await delivery.http.post(f"{LETTERS}/{letter_id}/retry", headers=BEARER, json=WHY)
    assert (answer.status_code, answer.json()["state"]) == (200, "queued")
    async with delivery.sending():
        await until(lambda: delivery.channel.taken)
    assert (await delivery.letter()).state is LetterState.SENT


async def test_an_expired_letter_that_is_sent_again_gets_a_day(delivery: DeliveryService) -> None:
    letter_id = await a_letter(delivery)
    delivery.clock.advance(timedelta(days=6))
    await delivery.sweep().sweep()
    answer = await delivery.http.post(f"{LETTERS}/{letter_id}/retry", headers=BEARER, json=WHY)
    assert answer.status_code == 200
    row = await delivery.letter()
    assert (row.state, row.failure, row.expires_at) == (
        LetterState.QUEUED,
        None,
        delivery.clock.now() + timedelta(days=1),
    )


async def test_an_uncertain_letter_that_did_arrive_is_told_as_sent(delivery: DeliveryService) -> None:
    letter_id = await a_letter(delivery, Unknown(Phase.DOT))
    arrived = f"{LETTERS}/{letter_id}/arrived"
    assert (await delivery.http.post(arrived, headers=BEARER, json=WHY)).json()["state"] == "sent"
    assert [type(report) for report in await delivery.reports()] == [LetterUncertainV1, LetterSentV1]
    assert (await delivery.http.post(arrived, headers=BEARER, json=WHY)).status_code == 409


async def test_an_uncertain_letter_can_be_sent_again_or_let_go(delivery: DeliveryService) -> None:
    letter_id = await a_letter(delivery, Unknown(Phase.DOT))
    assert (await delivery.http.post(f"{LETTERS}/{letter_id}/retry", headers=BEARER, json=WHY)).status_code == 200


async def test_a_queued_letter_can_be_stopped(delivery: DeliveryService) -> None:
    letter_id = await a_letter(delivery)
    answer = await delivery.http.post(f"{LETTERS}/{letter_id}/cancel", headers=BEARER, json=WHY)
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert [type(report) for report in await delivery.reports()] == [LetterCancelledV1]


@pytest.mark.parametrize(
    ("answer", "action"),
    [(None, "retry"), (Accepted(Phase.DOT, 250), "retry"), (Accepted(Phase.DOT, 250), "cancel"), (REFUSED, "cancel")],
)
async def test_what_the_state_does_not_allow_is_a_conflict(
    delivery: DeliveryService, answer: Answer | None, action: str
) -> None:
    letter_id = await a_letter(delivery, answer)
    before = await delivery.letter()
    problem = await delivery.http.post(f"{LETTERS}/{letter_id}/{action}", headers=BEARER, json=WHY)
    assert problem.status_code == 409
    assert problem.json()["type"].endswith(f"cannot-{action}")
    assert (await delivery.letter()).state is before.state


async def test_a_letter_of_a_withdrawn_case_is_never_sent_again(delivery: DeliveryService) -> None:
    letter_id = await a_letter(delivery, REFUSED)
    await delivery.tell(a_closed_case())
    problem = await delivery.http.post(f"{LETTERS}/{letter_id}/retry", headers=BEARER, json=WHY)
    assert (problem.status_code, problem.json()["type"].rpartition("/")[2]) == (409, "withdrawn")


async def test_the_pages_list_show_and_move_letters(delivery: DeliveryService) -> None:
    letter_id = await a_letter(delivery, REFUSED)
    await log_in(delivery)
    page = await delivery.http.get("/ops/letters?state=bounced")
    assert f"/ops/letters/{letter_id}" in page.text
    assert page.headers["cache-control"] == "no-store"
    page = await delivery.http.get(f"/ops/letters/{letter_id}")
    assert "Dear Minister" in page.text
    assert "no such mailbox" in page.text
    answer = await delivery.http.post(f"/ops/letters/{letter_id}/retry", headers=OWN_FORM, data=WHY)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/ops/letters/{letter_id}")
    assert (await delivery.letter()).state is LetterState.QUEUED
    await delivery.http.post(f"/ops/letters/{letter_id}/cancel", headers=OWN_FORM, data=WHY)
    assert (await delivery.letter()).state is LetterState.CANCELLED


async def test_what_a_supporter_wrote_cannot_become_part_of_the_page(delivery: DeliveryService) -> None:
    action = an_accepted_action()
    hostile = "<script>alert(1)</script>"
    letter = action.letter.model_copy(update={"subject": hostile, "body": hostile})
    await delivery.tell(action.model_copy(update={"letter": letter}))
    await log_in(delivery)
    page = await delivery.http.get(f"/ops/letters/{letter_of(action)}")
    assert hostile not in page.text
    assert "&lt;script&gt;" in page.text


async def test_a_letter_in_the_folder_is_shown_as_it_was_written(tmp_path: Path) -> None:
    url, folder = f"sqlite+aiosqlite:///{tmp_path / 'd.db'}", tmp_path / "letters"
    async with delivery_service(url, letters_folder=folder) as delivery:
        letter_id = await a_letter(delivery)
        async with delivery.sending(ToFolder(folder)):
            await until(delivery.reports)
        await log_in(delivery)
        assert "As it was written" in (await delivery.http.get(f"/ops/letters/{letter_id}")).text
        shown = (await delivery.http.get(f"{LETTERS}/{letter_id}", headers=BEARER)).json()
        assert shown["mail"].encode() == (folder / f"{letter_id}.eml").read_bytes()
