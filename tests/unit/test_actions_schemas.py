"""What an action may say, and how it is told what it may not."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.actions.schemas import ACTION_REQUEST, BODY_CHARACTERS_MAX, ActionRequest, explain
from shared.web.problems import FieldError
from tests.support.actions_requests import a_letter, a_supporter, an_action

SECRET = "quoted-by-nobody"


def faults(body: dict[str, Any]) -> list[FieldError]:
    with pytest.raises(ValidationError) as caught:
        ACTION_REQUEST.validate_python(body)
    return explain(caught.value.errors(include_url=False))


def fields(body: dict[str, Any]) -> list[str]:
    return [error.field for error in faults(body)]


def accepted(**changes: Any) -> ActionRequest:
    return ACTION_REQUEST.validate_python(an_action(**changes))


@given(st.characters(categories=["Cc", "Zl", "Zp"]), st.integers(0, 5))
def test_no_control_character_or_line_break_gets_into_a_name_or_subject(character: str, place: int) -> None:
    word = "Name"[:place] + character + "Name"[place:] + "."
    assert fields(an_action(supporter=a_supporter(name=word))) == ["supporter.name"]
    assert fields(an_action(letter=a_letter(subject=word))) == ["letter.subject"]


@given(st.characters(categories=["Cc"], exclude_characters="\n\r\t"))
def test_a_letter_takes_line_breaks_and_tabs_and_no_other_control_character(character: str) -> None:
    assert fields(an_action(letter=a_letter(body=f"Dear {character} Minister"))) == ["letter.body"]


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1).filter(lambda text: text.strip()))
def test_a_letter_in_any_script_comes_through_as_it_is(text: str) -> None:
    assert accepted(letter=a_letter(body=text)).letter.body == text


@given(st.text(max_size=300))
def test_whatever_is_accepted_as_a_name_fits_one_header_line(text: str) -> None:
    try:
        name = accepted(supporter=a_supporter(name=text)).supporter.name
    except ValidationError:
        return
    assert 0 < len(name) <= 200
    assert not any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in name)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (an_action(supporter=a_supporter(name="x" * 201)), "supporter.name"),
        (an_action(letter=a_letter(subject="x" * 201)), "letter.subject"),
        (an_action(letter=a_letter(body="x" * (BODY_CHARACTERS_MAX + 1))), "letter.body"),
        (an_action(supporter=a_supporter(name=" \u00a0 ")), "supporter.name"),
        (an_action(letter=a_letter(body="\n\n")), "letter.body"),
        (an_action(supporter=a_supporter(country="ZZ")), "supporter.country"),
        (an_action(supporter=a_supporter(country="Germany")), "supporter.country"),
        (an_action(supporter=a_supporter(email="nobody")), "supporter.email"),
        (an_action(supporter=a_supporter(email="a@b.example\nBcc: c@d.example")), "supporter.email"),
        (an_action(letter=a_letter(language="en_US!")), "letter.language"),
        (an_action(channel="fax"), "channel"),
        (an_action(targets=[]), "targets"),
        (an_action(targets=["not-an-id"]), "targets.0"),
        (an_action(source={str(number): "x" for number in range(9)}), "source"),
        (an_action(source={f"k{number}": "x" for number in range(9)}), "source"),
        (an_action(source={"partner": "x" * 201}), "source.partner"),
        (an_action(case="../secret"), "case"),
        (an_action(surprise=True), "surprise"),
        (an_action(supporter=a_supporter(phone="1")), "supporter.phone"),
    ],
)
def test_the_field_that_does_not_fit_is_named(body: dict[str, Any], field: str) -> None:
    assert field in {named.split(".")[0] if field == "source" else named for named in fields(body)}


def test_at_the_limits_all_is_well() -> None:
    letter = a_letter(subject="ش" * 200, body="مکتوب " * (BODY_CHARACTERS_MAX // 6))
    assert accepted(letter=letter, supporter=a_supporter(name="名" * 200)).letter.language == "en"


@pytest.mark.parametrize(
    "body",
    [
        an_action(case=SECRET + "!"),
        an_action(channel=SECRET),
        an_action(supporter=a_supporter(email=SECRET, name=f"{SECRET}\0", country=SECRET)),
        an_action(letter=a_letter(subject=f"{SECRET}\n", body=f"{SECRET}\0", language=f"{SECRET}!")),
        an_action(targets=[SECRET], hide_email=SECRET, opt_in=SECRET, source={"partner": f"{SECRET}\n"}),
        an_action(letter=SECRET),
    ],
)
def test_an_error_never_quotes_what_was_written(body: dict[str, Any]) -> None:
    assert all(SECRET not in error.message and error.message for error in faults(body))


def test_browsers_line_ends_become_plain_ones() -> None:
    assert accepted(letter=a_letter(body="one\r\ntwo\rthree\n")).letter.body == "one\ntwo\nthree\n"


def test_a_country_may_be_written_small() -> None:
    assert accepted(supporter=a_supporter(country="pk")).supporter.country == "PK"


def test_the_digest_tells_what_is_said_and_not_how_it_is_spelt() -> None:
    plain = accepted()
    spelt_out = accepted(targets=None, hide_email=False, opt_in=False, source={})
    assert plain.digest() == spelt_out.digest()
    assert plain.digest() != accepted(opt_in=True).digest()
    assert plain.digest() != accepted(letter=a_letter(body="Dear Minister,\n\nplease act!")).digest()
