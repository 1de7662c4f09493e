"""The form, as a person without JavaScript meets it: nothing typed is ever lost."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select

from services.actions.tables import Action
from shared.messages.cases import Channel
from tests.support.actions_app import ActionsService, actions_service
from tests.support.actions_requests import a_form
from tests.support.events import EMBASSY, MINISTRY, a_closed_case, a_published_case

PERSON = {"Accept": "text/html,application/xhtml+xml"}
TYPED = {
    "name": 'Ana "Nita" <b>',
    "subject": "50% & <more>",
    "body": "</textarea><script>alert(1)</script>\r\n\r\nجناب وزیر صاحب",
}


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[ActionsService]:
    async with actions_service(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}", known_cases_seconds=0) as service:
        yield service


async def sent(service: ActionsService, **changes: Any) -> httpx.Response:
    return await service.http.post("/actions", data=a_form(**changes), headers=PERSON)


def fields_on(page: str) -> dict[str, Any]:
    """What a browser would send if the person pressed the button on this page."""
    fields: dict[str, Any] = {"targets": []}
    for tag in re.findall(r"<input [^>]*>", page):
        attributes = {name: unescape(value) for name, value in re.findall(r'([a-z-]+)="([^"]*)"', tag)}
        is_box = attributes.get("type") in {"checkbox", "radio"}
        if is_box and " checked" not in tag:
            continue
        if attributes["name"] == "targets":
            fields["targets"].append(attributes["value"])
        else:
            fields[attributes["name"]] = attributes["value"]
    for name, text in re.findall(r'<textarea [^>]*name="(\w+)"[^>]*>\n(.*?)</textarea>', page, re.DOTALL):
        fields[name] = unescape(text)
    country = re.search(r'<option value="(\w*)" selected>', page)
    return fields | {"country": country[1] if country else ""}


async def test_a_good_form_leads_to_its_receipt(service: ActionsService) -> None:
    answer = await sent(service)
    assert answer.status_code == 303
    receipt = await service.http.get(answer.headers["location"], headers=PERSON)
    assert receipt.status_code == 200
    assert "please act." in receipt.text
    [action] = await service.rows(select(Action))
    assert action.letter_body == "Dear Minister,\n\nplease act."
    assert action.target_ids == [str(MINISTRY.id)]
    assert action.source == {"utm_source": "newsletter"}


async def test_a_double_click_and_a_reload_meet_the_first_receipt(service: ActionsService) -> None:
    answers = [await sent(service), await sent(service)]
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert len(await service.rows(select(Action))) == 1


async def test_two_people_with_one_cached_page_are_two_people(service: ActionsService) -> None:
    await sent(service)
    await sent(service, name="B Supporter", email="b@mail.example")
    assert len(await service.rows(select(Action))) == 2


@pytest.mark.parametrize(
    ("field", "wrong", "right"),
    [
        ("email", "nobody", "supporter@mail.example"),
        ("name", "", "A Supporter"),
        ("country", "", "PK"),
        ("subject", " ", "Please act"),
        ("body", "", "Please."),
        ("language", "?", "en"),
    ],
)
async def test_a_form_with_a_fault_comes_back_whole_and_can_be_sent_again(
    service: ActionsService, field: str, wrong: str, right: str
) -> None:
    typed = a_form(**TYPED, hide_email="true") | {field: wrong}
    answer = await service.http.post("/actions", data=typed, headers=PERSON)
    assert (answer.status_code, answer.headers["cache-control"]) == (422, "no-store")
    assert f'href="#field-{field}"' in answer.text
    assert f'id="field-{field}"' in answer.text
    assert f'id="error-{field}"' in answer.text
    back = fields_on(answer.text)
    assert back == typed | {"body": typed["body"].replace("\r\n", "\n"), "website": ""}
    assert (await service.http.post("/actions", data=back | {field: right}, headers=PERSON)).status_code == 303


async def test_what_was_typed_is_shown_and_never_run(service: ActionsService) -> None:
    page = (await sent(service, **TYPED, email="<script>")).text
    assert "<script>alert(1)" not in page
    assert '"Nita" <b>' not in page
    assert 'value="&lt;script&gt;"' in page


@pytest.mark.parametrize(
    ("changes", "status"), [({"case": "no-such-case"}, 404), ({"channel": "post"}, 422), ({"channel": "fax"}, 422)]
)
async def test_what_the_case_does_not_take_comes_back_whole_too(
    service: ActionsService, changes: dict[str, str], status: int
) -> None:
    answer = await sent(service, **TYPED, **changes)
    assert answer.status_code == status
    assert fields_on(answer.text)["body"] == TYPED["body"].replace("\r\n", "\n")


async def test_a_case_that_closed_meanwhile_gives_the_letter_back(service: ActionsService) -> None:
    await service.tell(a_closed_case())
    answer = await sent(service, **TYPED)
    assert answer.status_code == 410
    assert "withdrawn" in answer.text
    assert fields_on(answer.text)["subject"] == TYPED["subject"]


async def test_targets_a_channel_does_not_reach_fall_away(service: ActionsService) -> None:
    """The page ticks the targets beside the choice of channel: nobody is sent back for what they could not know."""
    await service.tell(a_published_case(revision=2, channels=tuple(Channel)))
    both = [str(MINISTRY.id), str(EMBASSY.id)]
    assert (await sent(service, channel="post", targets=both)).status_code == 303
    assert (await sent(service, channel="solidarity", targets=both)).status_code == 303
    reached = [action.target_ids for action in await service.rows(select(Action))]
    assert sorted(reached) == [[], [str(MINISTRY.id)]]


async def test_a_wrong_channel_can_be_chosen_anew(service: ActionsService) -> None:
    await service.tell(a_published_case(revision=2, channels=(Channel.EMAIL, Channel.POST)))
    page = (await sent(service, channel="fax")).text
    assert 'type="radio" id="field-channel-post" name="channel" value="post"' in page
    assert "fax" not in page


async def test_a_long_letter_in_any_script_fits_the_form(service: ActionsService) -> None:
    """Urdu takes six bytes a character in a form: the limit counts what was written, not how it travels."""
    assert (await sent(service, body="خط" * 10_000)).status_code == 303


async def test_a_form_of_another_kind_is_refused(service: ActionsService) -> None:
    answer = await service.http.post("/actions", json=a_form(), headers=PERSON)
    assert answer.status_code == 415
    assert "text/html" in answer.headers["content-type"]


async def test_an_empty_form_comes_back(service: ActionsService) -> None:
    headers = PERSON | {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await service.http.post("/actions", content=b"", headers=headers)
    assert answer.status_code == 422
    assert fields_on(answer.text)["name"] == ""
