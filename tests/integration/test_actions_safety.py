"""Who writes from where that may be dangerous is advised before anything of it is kept."""

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlmodel import select

from services.actions.tables import Action
from tests.support.actions_app import ActionsService, actions_service
from tests.support.actions_requests import an_action
from tests.support.events import a_published_case
from tests.support.page_fields import sent_by

FORM = {
    "case": "a-test-case",
    "channel": "email",
    "nonce": "a-nonce",
    "name": "A Supporter",
    "email": "supporter@mail.example",
    "country": "PK",
    "subject": "Please act",
    "body": "Dear Minister,\n\n please <act>.",
    "language": "en",
    "opt_in": "true",
}


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[ActionsService]:
    async with actions_service(database_url, knows_case=False) as service:
        await service.tell(a_published_case(risky_countries=("PK", "SA")))
        yield service


async def post(service: ActionsService, form: dict[str, str], language: str = "") -> httpx.Response:
    return await service.http.post(f"{language}/actions", data=form, headers={"Accept": "text/html"})


async def kept(service: ActionsService) -> list[Action]:
    return list(await service.rows(select(Action)))


async def test_nothing_is_kept_before_the_advice_was_read(service: ActionsService) -> None:
    answer = await post(service, FORM)
    assert answer.status_code == 200
    assert "is it safe for you?" in answer.text
    assert "<title>Write for Rights</title>" in answer.text
    assert await kept(service) == []


async def test_the_page_carries_every_word_and_sends_it_on(service: ActionsService) -> None:
    again = sent_by((await post(service, FORM)).text)
    assert again == FORM | {"advised": "PK", "source": ""}
    answer = await post(service, again | {"hide_email": "true"})
    assert answer.status_code == 303
    (action,) = await kept(service)
    assert (action.letter_body, action.hide_email, action.opt_in) == (FORM["body"], True, True)


async def test_who_chooses_another_country_of_these_is_advised_again(service: ActionsService) -> None:
    assert (await post(service, FORM | {"advised": "PK", "country": "SA"})).status_code == 200
    assert (await post(service, FORM | {"advised": "SA", "country": "SA"})).status_code == 303


@pytest.mark.parametrize("country", ["DE", "IN"])
async def test_elsewhere_nobody_is_stopped(service: ActionsService, country: str) -> None:
    assert (await post(service, FORM | {"country": country})).status_code == 303


async def test_mistakes_are_told_first(service: ActionsService) -> None:
    assert (await post(service, FORM | {"name": ""})).status_code == 422


async def test_the_advice_speaks_the_language_of_the_page(service: ActionsService) -> None:
    page = (await post(service, FORM, "/ar")).text
    assert 'dir="rtl"' in page
    assert 'action="/ar/actions"' in page
    assert "is it safe for you?" not in page


async def test_programs_advise_by_themselves(service: ActionsService) -> None:
    assert (await service.post(an_action())).status_code == 202
