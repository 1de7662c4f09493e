"""The form: what it stands for, and under which key."""

from dataclasses import replace
from typing import Any

import pytest
from starlette.datastructures import FormData

from services.actions.form import WriteForm, as_request, form_action_id, in_form_words, read_form
from shared.messages.cases import Channel
from shared.web.problems import Problem
from tests.support.actions_requests import a_form
from tests.support.events import EMBASSY, MINISTRY


def read(**changes: Any) -> WriteForm:
    pairs = []
    for name, value in a_form(**changes).items():
        pairs += [(name, item) for item in value] if isinstance(value, list) else [(name, value)]
    return read_form(FormData(pairs))


def key_of(form: WriteForm) -> object:
    return form_action_id(form, as_request(form))


def test_a_filled_form_becomes_the_same_request_as_the_api_takes() -> None:
    wish = as_request(read(targets=[str(MINISTRY.id), str(EMBASSY.id)], hide_email="true"))
    assert (wish.channel, wish.supporter.country, wish.targets) == (Channel.EMAIL, "DE", (MINISTRY.id, EMBASSY.id))
    assert (wish.hide_email, wish.opt_in) == (True, False)
    assert wish.letter.body == "Dear Minister,\n\nplease act."


def test_no_ticked_target_means_all() -> None:
    assert as_request(read(targets=[])).targets is None


def test_errors_name_the_forms_own_fields() -> None:
    form = read(name="", email="x", subject="", body="", country="", language="?", targets=["x"])
    with pytest.raises(Problem) as caught:
        as_request(form)
    told = {error.field: error.message for error in in_form_words(caught.value, form).errors}
    assert set(told) == {"name", "email", "subject", "body", "country", "language", "targets"}
    assert told["name"] == "Your name is missing."
    assert len(set(told.values())) == len(told), "in the summary each line stands alone"


def test_a_second_click_has_the_same_key() -> None:
    assert key_of(read()) == key_of(read())


def test_line_ends_do_not_make_another_letter() -> None:
    assert key_of(read()) == key_of(read(body="Dear Minister,\n\nplease act."))


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "another"},
        {"name": "B Supporter"},
        {"email": "another@mail.example"},
        {"body": "Dear Minister, please act now."},
        {"targets": []},
        {"hide_email": "true"},
    ],
)
def test_people_who_share_a_cached_page_do_not_share_a_key(change: dict[str, Any]) -> None:
    assert key_of(read()) != key_of(read(**change))


def test_where_somebody_came_from_is_read_as_far_as_it_can_be() -> None:
    assert as_request(read(source="partner=good-ngo&utm_source=mail")).source == {
        "partner": "good-ngo",
        "utm_source": "mail",
    }
    assert as_request(read(source="newsletter")).source == {"page": "newsletter"}


@pytest.mark.parametrize("source", ["", "=", "&" * 50, "Partner=x", "partner=a%0Ab", "partner=" + "x" * 500])
def test_a_hidden_field_gone_wrong_never_stops_a_person(source: str) -> None:
    assert as_request(read(source=source)).source == {}


def test_fields_that_are_not_ours_are_passed_over() -> None:
    form = read(a_browser_extension="was here")
    assert form == replace(read())
