"""Messages to a person at risk: no mailbox, no officials, seen by nobody before staff have read it; both databases."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlmodel import select

from services.actions import ops_solidarity, solidarity_desk
from services.actions.tables import Action, Audit, Outbox
from shared.audit import By
from shared.messages.actions import ActionAcceptedV1, ActionCancelledV1, SolidarityShownV1, SolidarityTakenDownV1
from shared.messages.cases import CaseClosedV1, Channel, ClosedReason, Protection, Verification
from shared.messages.envelope import Event
from shared.messages.registry import read
from tests.support.actions_app import SITE, ActionsService, actions_service
from tests.support.events import CASE_ID, NOW, a_published_case
from tests.support.staff_sessions import BEARER, STAFF_TOKEN, log_in

PAGE, API = "/ops/intake/solidarity", "/api/v1/intake/solidarity"
OWN, PEOPLE = {"Origin": SITE}, {"Accept": "text/html"}
MESSAGE = {
    "case": "a-test-case",
    "channel": "solidarity",
    "nonce": "a-nonce",
    "language": "en",
    "name": "Amina",
    "country": "CA",
    "body": "You are <not> alone.\n\nI think of you.",
    "may_be_shown": "true",
}
FOR_FAMILY = {name: value for name, value in MESSAGE.items() if name != "may_be_shown"} | {"body": "For you alone."}


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[ActionsService]:
    async with actions_service(database_url, staff_token=STAFF_TOKEN) as service:
        await service.tell(a_published_case(revision=2, channels=("email", "solidarity")))
        yield service


async def written(service: ActionsService, form: dict[str, str] = MESSAGE) -> tuple[Action, str]:
    """The action, and its receipt's path."""
    answer = await service.http.post("/actions", data=form)
    assert answer.status_code == 303
    path = answer.headers["location"]
    (action,) = await service.rows(select(Action).where(Action.token == path.rsplit("/", 1)[-1]))
    return action, path


async def told(service: ActionsService, *kinds: type[Event]) -> list[Any]:
    """In the order in which they were told."""
    rows = await service.rows(select(Outbox).where(Outbox.type.in_([kind.wire_type for kind in kinds])))  # type: ignore[attr-defined]
    return sorted((read(row.body).data for row in rows), key=lambda event: event.number)


async def judge(service: ActionsService, action: Action, judgement: str, why: str = "") -> int:
    answer = await service.http.post(
        API, json={"judgements": {str(action.id): judgement}, "why": why or "looked at"}, headers=BEARER
    )
    assert answer.status_code == 200, answer.text
    return int(answer.json()["changed"])


async def test_a_message_is_counted_and_its_words_stay_here(service: ActionsService) -> None:
    action, path = await written(service)
    (row,) = await service.rows(select(Outbox))
    event = read(row.body).data
    assert isinstance(event, ActionAcceptedV1)
    assert (event.channel, event.targets, event.supporter.country) == (Channel.SOLIDARITY, (), "CA")
    assert "Amina" not in str(row.body)
    assert "alone" not in str(row.body)
    assert (action.supporter_email, action.judgement, action.may_be_shown) == ("", "waiting", True)
    page = (await service.http.get(path, headers=PEOPLE)).text
    assert "waits to be read" in page
    assert "You are &lt;not&gt; alone." in page


async def test_pressing_twice_is_one_message(service: ActionsService) -> None:
    assert (await written(service))[1] == (await written(service))[1]


async def test_what_cannot_be_taken_comes_back_with_every_word(service: ActionsService) -> None:
    answer = await service.http.post("/actions", data=MESSAGE | {"name": " ", "country": "XX"}, headers=PEOPLE)
    assert answer.status_code == 422
    assert "You are &lt;not&gt; alone." in answer.text
    assert "Your name is missing." in answer.text
    assert 'name="may_be_shown" value="true" checked' in answer.text
    assert 'name="email"' not in answer.text
    too_long = await service.http.post("/actions", data=MESSAGE | {"body": "x" * 2_001}, headers=PEOPLE)
    assert too_long.status_code == 422
    assert await service.rows(select(Action)) == []


async def test_a_case_without_messages_takes_none(service: ActionsService) -> None:
    await service.tell(a_published_case(revision=3))
    answer = await service.http.post("/actions", data=MESSAGE, headers=PEOPLE)
    assert answer.status_code == 422
    assert "does not offer this way" in answer.text


async def test_staff_let_it_be_seen_and_take_it_down_again(service: ActionsService) -> None:
    action, path = await written(service)
    assert await judge(service, action, "shown") == 1
    assert await judge(service, action, "shown") == 0
    assert await judge(service, action, "refused", "names a guard") == 1
    shown, down = await told(service, SolidarityShownV1, SolidarityTakenDownV1)
    assert (shown.number, shown.name, shown.country, shown.text) == (1, "Amina", "CA", MESSAGE["body"])
    assert (type(down), down.number, down.action_id) == (SolidarityTakenDownV1, 2, action.id)
    assert "not passed on" in (await service.http.get(path, headers=PEOPLE)).text
    notes = await service.rows(select(Audit))
    assert {(note.did, note.who) for note in notes} == {("solidarity_judged", "Amina")}


async def test_what_is_for_the_family_is_never_shown(service: ActionsService) -> None:
    action, _ = await written(service, FOR_FAMILY)
    answer = await service.http.post(API, json={"judgements": {str(action.id): "shown"}, "why": "x"}, headers=BEARER)
    assert answer.status_code == 422
    assert await judge(service, action, "for_family") == 1
    assert await told(service, SolidarityShownV1) == []


async def test_taken_back_it_is_taken_down_and_nobody_judges_it_any_more(service: ActionsService) -> None:
    action, path = await written(service)
    await judge(service, action, "shown")
    await service.http.post(f"{path}/take-back")
    assert [type(event) for event in await told(service, SolidarityShownV1, SolidarityTakenDownV1)] == [
        SolidarityShownV1,
        SolidarityTakenDownV1,
    ]
    assert len(await service.rows(select(Outbox).where(Outbox.type == ActionCancelledV1.wire_type))) == 1
    assert await judge(service, action, "for_family") == 0
    assert (await service.http.get(API, headers=BEARER)).json()["count"] == 0


async def test_the_page_asks_why_for_a_refusal_and_keeps_what_was_chosen(service: ActionsService) -> None:
    action, _ = await written(service)
    other, _ = await written(service, FOR_FAMILY)
    log_in(service.http, service.wiring.staff)
    page = (await service.http.get(PAGE)).text
    assert page.index(str(action.id)) < page.index(str(other.id))
    assert f'name="{other.id}" value="shown"' not in page
    refused = await service.http.post(PAGE, data={str(action.id): "refused", "why": " "}, headers=OWN)
    assert refused.status_code == 422
    assert f'name="{action.id}" value="refused" checked' in refused.text
    done = await service.http.post(PAGE, data={str(action.id): "shown", str(other.id): ""}, headers=OWN)
    assert done.status_code == 303
    states = {row.id: row.judgement for row in await service.rows(select(Action))}
    assert states == {action.id: "shown", other.id: "waiting"}
    stranger = await service.http.post(PAGE, data={str(action.id): "refused", "why": "x"}, headers={"Origin": "null"})
    assert stranger.status_code == 403


async def test_let_through_messages_go_to_the_family_in_a_bundle_and_receipts_say_so(service: ActionsService) -> None:
    action, path = await written(service)
    other, other_path = await written(service, FOR_FAMILY)
    await judge(service, action, "shown")
    await judge(service, other, "for_family")
    log_in(service.http, service.wiring.staff)
    assert (await service.http.post(f"{PAGE}/bundles", data={"case": "a-test-case"}, headers=OWN)).status_code == 303
    assert (await service.http.post(f"{PAGE}/bundles", data={"case": "a-test-case"}, headers=OWN)).status_code == 409
    await service.http.post(f"{other_path}/take-back")
    (bundle,) = (await service.wiring.bundles.look())[1]
    assert (bundle.messages, [row.id for row in (await service.wiring.bundles.open(bundle.id))[1]]) == (2, [action.id])
    pdf = await service.http.get(f"{PAGE}/bundles/{bundle.id}.pdf")
    assert pdf.content.startswith(b"%PDF")
    handed = await service.http.post(
        f"{PAGE}/bundles/{bundle.id}/handed-over", data={"handed_to": "her sister"}, headers=OWN
    )
    assert handed.status_code == 303
    page = (await service.http.get(path, headers=PEOPLE)).text
    assert "It was given to the person or the family" in page
    assert "her sister" not in page


async def test_staff_pages_are_closed_to_strangers(service: ActionsService) -> None:
    assert (await service.http.get(API)).status_code == 401
    assert "Amina" not in (await service.http.get(PAGE, follow_redirects=True)).text


async def test_what_left_a_bundle_is_not_said_to_be_given_and_goes_into_another(service: ActionsService) -> None:
    action, path = await written(service, FOR_FAMILY)
    await judge(service, action, "for_family")
    first = await service.wiring.bundles.make("a-test-case", By("Amina", "x"))
    await judge(service, action, "refused", "names a guard")
    await service.wiring.bundles.hand_over(first.id, "her sister", By("Amina", "x"))
    await judge(service, action, "for_family")
    assert "It was given" not in (await service.http.get(path, headers=PEOPLE)).text
    assert [one.messages for one in (await service.wiring.bundles.look())[0]] == [1]


async def test_nothing_of_a_withdrawn_case_is_read_judged_or_bundled(service: ActionsService) -> None:
    action, _ = await written(service, FOR_FAMILY)
    about = {"case_id": CASE_ID, "slug": "a-test-case", "revision": 3, "closed_at": NOW}
    await service.tell(CaseClosedV1(reason=ClosedReason.WITHDRAWN, **about))
    assert (await service.http.get(API, headers=BEARER)).json()["count"] == 0
    assert await judge(service, action, "for_family") == 0


async def test_what_waits_for_its_writers_word_waits_for_it_here_too(service: ActionsService) -> None:
    asks = Protection(verification=Verification.BEFORE_DELIVERY)
    await service.tell(a_published_case(revision=3, channels=("solidarity",), protection=asks))
    letter = {"subject": "x", "body": "You are not alone.", "language": "en"}
    supporter = {"name": "Amina", "email": "amina@mail.example", "country": "CA"}
    wish = {"case": "a-test-case", "channel": "solidarity", "may_be_shown": True}
    assert (await service.post(wish | {"supporter": supporter, "letter": letter})).status_code == 202
    (action,) = await service.rows(select(Action))
    assert await judge(service, action, "shown") == 0
    assert await told(service, SolidarityShownV1) == []


async def test_a_long_line_is_read_page_by_page_and_none_is_left_out(
    service: ActionsService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (solidarity_desk, ops_solidarity):
        monkeypatch.setattr(module, "AT_ONCE_MAX", 2)
    ids = {(await written(service, MESSAGE | {"body": f"Number {number}"}))[0].id for number in range(5)}
    seen, cursor = list[str](), ""
    while cursor is not None:
        answer = (await service.http.get(API, params={"after": cursor}, headers=BEARER)).json()
        seen += [message["id"] for message in answer["messages"]]
        cursor = answer["next"]
    assert sorted(seen) == sorted(str(id_) for id_ in ids)
    assert (await service.http.get(API, params={"after": "nonsense"}, headers=BEARER)).status_code == 422
