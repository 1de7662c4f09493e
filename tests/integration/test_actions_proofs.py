"""Proof of work and the hidden field, on real databases: who is let in, who is asked again, and no word is lost."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select
from starlette.types import Receive, Scope, Send

from services.actions.proofs import LIFETIME
from services.actions.tables import Action, UsedProof
from services.actions.used_proofs import KEEP_EXPIRED
from shared.clock import ManualClock
from shared.messages.cases import Protection
from shared.web.in_flight import REFUSED_FOR_NOW
from shared.web.problems import TYPES
from shared.web.refusals import PROBLEMS, Reason
from tests.support.actions_app import ActionsService, actions_service
from tests.support.actions_requests import a_form, a_letter, an_action
from tests.support.events import NOW, a_closed_case, a_published_case
from tests.support.page_fields import sent_by
from tests.support.proofs import ASKING, NUMBER_MAX, PROOF_SECRET, a_proof, fetched_proof
from tests.support.until import until

PERSON = {"Accept": "text/html,application/xhtml+xml"}


@asynccontextmanager
async def asking_service(
    database_url: str, protection: Protection = ASKING, **settings: Any
) -> AsyncIterator[ActionsService]:
    """The service, whose one case belongs to a campaign that asks for proof of work. Its clock stands still."""
    given = {"proof_secret": PROOF_SECRET, "proof_max_number": NUMBER_MAX, "known_cases_seconds": 0} | settings
    async with actions_service(database_url, clock=ManualClock(NOW), knows_case=False, **given) as service:
        await service.tell(a_published_case(protection=protection))
        yield service


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[ActionsService]:
    async with asking_service(database_url) as service:
        yield service


def time_passes(service: ActionsService, by: timedelta) -> None:
    assert isinstance(service.wiring.clock, ManualClock)
    service.wiring.clock.advance(by)


async def sent(service: ActionsService, **changes: Any) -> httpx.Response:
    return await service.http.post("/actions", data=a_form(**changes), headers=PERSON)


async def counted(service: ActionsService, sample: str) -> float:
    found = re.search(rf"^{re.escape(sample)} (\S+)$", (await service.http.get("/metrics")).text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def kind_of(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).removeprefix(TYPES)


async def test_a_proven_action_is_taken_in_by_form_and_by_api(service: ActionsService) -> None:
    assert (await sent(service, proof=await fetched_proof(service.http))).status_code == 303
    assert (await service.post(an_action(proof=await fetched_proof(service.http)))).status_code == 202
    assert len(await service.rows(select(Action))) == 2
    assert await counted(service, 'actions_proofs_total{outcome="proven"}') == 2


async def test_a_challenge_is_for_one_person_and_kept_nowhere(service: ActionsService) -> None:
    answers = [await service.http.get("/api/v1/actions/challenge") for _ in range(2)]
    assert [answer.headers["cache-control"] for answer in answers] == ["no-store"] * 2
    assert answers[0].json()["salt"] != answers[1].json()["salt"]
    assert answers[0].json()["maxnumber"] == NUMBER_MAX
    assert await service.rows(select(UsedProof)) == []


@pytest.mark.parametrize(
    ("proof", "kind"),
    [
        ("nonsense", "proof-invalid"),
        (a_proof(NOW, "another-secret-altogether"), "proof-invalid"),
        (a_proof(NOW - LIFETIME), "proof-expired"),
    ],
    ids=["nonsense", "another's", "expired"],
)
async def test_what_is_not_proven_is_refused_and_loses_no_word(service: ActionsService, proof: str, kind: str) -> None:
    refused = await service.post(an_action(proof=proof))
    assert (refused.status_code, kind_of(refused)) == (422, kind)
    page = await sent(service, proof=proof, body="My own words.")
    assert (page.status_code, page.headers["cache-control"]) == (422, "no-store")
    back = sent_by(page.text)
    assert back["body"] == "My own words."
    assert back["proof"] == "", "a fresh one is made"
    assert 'data-proof="/api/v1/actions/challenge"' in page.text
    assert "/static/proof.js" in page.text
    assert await service.rows(select(Action)) == []


async def confirmed_by_mail(service: ActionsService) -> list[bool]:
    """Of each action, whether it waits for its supporter to confirm it by mail."""
    return [token is not None for token in await service.rows(select(Action.verify_token))]


@pytest.mark.parametrize("proof", [None, ""], ids=["none", "empty"])
async def test_without_any_proof_the_supporter_confirms_by_mail(service: ActionsService, proof: str | None) -> None:
    assert (await service.post(an_action(proof=proof))).status_code == 202
    assert (await sent(service, proof="", email="another@mail.example")).status_code == 303
    assert (await sent(service, proof=await fetched_proof(service.http), email="third@mail.example")).status_code == 303
    assert sorted(await confirmed_by_mail(service)) == [False, True, True]


async def test_a_proof_counts_for_one_action(service: ActionsService) -> None:
    proof = await fetched_proof(service.http)
    assert (await sent(service, proof=proof)).status_code == 303
    again = await service.post(an_action(letter=a_letter(body="Another letter."), proof=proof), key="another")
    assert (again.status_code, kind_of(again)) == (422, "proof-used")
    page = await sent(service, proof=proof, email="another@mail.example", body="My own words.")
    assert "each letter needs its own" in page.text
    assert sent_by(page.text)["body"] == "My own words."
    fresh = await sent(service, proof=await fetched_proof(service.http), email="another@mail.example")
    assert fresh.status_code == 303


async def test_an_action_that_comes_again_meets_its_receipt_whatever_it_brings(service: ActionsService) -> None:
    proof = await fetched_proof(service.http)
    first, *others = [
        await sent(service, proof=proof),
        await sent(service, proof=proof),
        await sent(service, proof=await fetched_proof(service.http)),
        await sent(service, proof="nonsense"),
        await sent(service),
    ]
    time_passes(service, LIFETIME)
    others.append(await sent(service, proof=proof))
    assert {answer.headers.get("location") for answer in others} == {first.headers["location"]}
    assert len(await service.rows(select(Action))) == 1


async def test_the_same_key_with_another_proof_is_the_same_action(service: ActionsService) -> None:
    answers = [await service.post(an_action(proof=await fetched_proof(service.http))) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert len({answer.json()["receipt"] for answer in answers}) == 1


async def test_a_letter_with_a_fault_does_not_use_its_proof_up(service: ActionsService) -> None:
    proof = await fetched_proof(service.http)
    assert (await sent(service, proof=proof, email="nobody")).status_code == 422
    assert await service.rows(select(UsedProof)) == []
    assert (await sent(service, proof=proof)).status_code == 303


async def test_a_closed_case_is_told_of_before_a_missing_proof(service: ActionsService) -> None:
    await service.tell(a_closed_case())
    assert (await sent(service)).status_code == 410


async def test_of_many_who_show_one_proof_at_once_one_gets_in(service: ActionsService) -> None:
    proof = await fetched_proof(service.http)
    posts = (service.post(an_action(proof=proof), key=str(number)) for number in range(30))
    answers = await asyncio.gather(*posts, service.post(an_action(proof=await fetched_proof(service.http)), key="own"))
    kinds = [answer.status_code for answer in answers]
    assert (kinds.count(202), kinds.count(422), kinds[-1]) == (2, 29, 202)
    assert len(await service.rows(select(Action))) == 2


async def test_while_the_database_is_away_a_proof_is_not_lost(tmp_path: Path) -> None:
    file = tmp_path / "test.db"
    async with asking_service(f"sqlite+aiosqlite:///{file}", accept_seconds_max=0.3) as service:
        proof = await fetched_proof(service.http)
        assert (await service.http.get("/health/ready")).status_code == 200
        lock = sqlite3.connect(file, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        page = await sent(service, proof=proof)
        lock.execute("ROLLBACK")
        lock.close()
        assert page.status_code == 503

        async def is_taken() -> bool:
            again = await service.http.post("/actions", data=sent_by(page.text), headers=PERSON)
            return again.status_code == 303

        await until(is_taken, timeout_seconds=20)
        assert len(await service.rows(select(Action))) == 1


async def test_what_was_used_is_forgotten_when_nobody_could_show_it_again(service: ActionsService) -> None:
    await sent(service, proof=await fetched_proof(service.http))
    time_passes(service, LIFETIME + KEEP_EXPIRED)
    await sent(service, proof=await fetched_proof(service.http), email="another@mail.example")
    await service.wiring.used_proofs.forget_expired()
    assert len(await service.rows(select(UsedProof))) == 2, "the first is just not old enough"
    time_passes(service, timedelta(seconds=1))
    await service.wiring.used_proofs.forget_expired()
    assert len(await service.rows(select(UsedProof))) == 1


async def test_other_campaigns_ask_nothing_and_remember_nothing(database_url: str) -> None:
    async with asking_service(database_url, Protection()) as service:
        page = await sent(service, email="nobody")
        assert "proof" not in page.text
        for number, proof in enumerate((None, "nonsense", a_proof(NOW))):
            assert (await service.post(an_action(proof=proof), key=str(number))).status_code == 202
        assert await service.rows(select(UsedProof)) == []
        assert "actions_proofs_total{" not in (await service.http.get("/metrics")).text


async def test_without_a_secret_nothing_is_proven_and_it_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with asking_service(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}", proof_secret=None) as service:
        answer = await service.http.get("/api/v1/actions/challenge")
        assert (answer.status_code, kind_of(answer)) == (404, "no-challenge")
        for number, proof in enumerate((None, a_proof(NOW))):
            assert (await service.post(an_action(proof=proof), key=str(number))).status_code == 202
        assert await confirmed_by_mail(service) == [True, True]
        assert (await service.http.get("/health/ready")).status_code == 200
    assert capsys.readouterr().out.count("proofs_impossible") == 1


async def test_a_letter_that_must_wait_takes_its_proof_along(service: ActionsService) -> None:
    async def crowded(scope: Scope, receive: Receive, send: Send) -> None:
        await service.app({**scope, REFUSED_FOR_NOW: PROBLEMS[Reason.CROWDED]}, receive, send)

    written = a_form(proof=await fetched_proof(service.http))
    transport = httpx.ASGITransport(crowded)
    async with httpx.AsyncClient(transport=transport, base_url="https://site.example") as http:
        page = await http.post("/actions", data=written, headers=PERSON)
    assert page.status_code == 503
    assert (await service.http.post("/actions", data=sent_by(page.text), headers=PERSON)).status_code == 303


async def test_the_hidden_field_is_never_a_silent_end(service: ActionsService) -> None:
    page = await sent(service, website="https://spam.example", body="My own words.")
    assert page.status_code == 422
    assert "please press send once more" in page.text
    assert "spam.example" not in page.text
    assert 'name="website"' not in page.text, "the program that filled it in would do so again"
    assert await counted(service, "actions_honeypot_total") == 1
    assert await service.rows(select(Action)) == []
    back = sent_by(page.text)
    assert back["body"] == "My own words."
    whole = a_form(**back) | {"proof": await fetched_proof(service.http)}
    assert (await service.http.post("/actions", data=whole, headers=PERSON)).status_code == 303


async def test_the_hidden_field_is_on_a_page_that_comes_back_for_another_reason(service: ActionsService) -> None:
    page = (await sent(service, email="nobody")).text
    trap = re.search(r'<div class="aside" aria-hidden="true">.*?</div>', page, re.DOTALL)
    assert trap
    assert re.search(r'<input [^>]*name="website"[^>]* tabindex="-1" autocomplete="off">', trap[0])


async def test_the_api_has_no_such_field(service: ActionsService) -> None:
    refused = await service.post(an_action(website="https://spam.example"))
    assert refused.json()["errors"] == [{"field": "website", "message": "There is no such field."}]
