"""Limits as settings write them: read, ordered, told in headers; and one mailbox however it is spelt."""

import re

import pytest
from pydantic import ValidationError

from services.actions.mailboxes import canonical_mailbox
from services.actions.rate_limits import LimitedBy, RateLimits, read_limits
from services.actions.settings import ActionsSettings


def test_the_shortest_window_is_asked_first() -> None:
    assert [item.get_expiry() for item in read_limits("60/day; 20 per hour")] == [3600, 86400]
    assert read_limits("") == read_limits("  ") == ()


@pytest.mark.parametrize("text", ["many", "20", "20/hour;", "0/hour", "20/fortnight", "5/year", "8/8days"])
@pytest.mark.parametrize("name", ["rate_per_network", "rate_per_mailbox", "rate_per_case"])
def test_a_wrong_limit_stops_the_start_and_the_error_names_the_variable(name: str, text: str) -> None:
    with pytest.raises(ValidationError, match=f"W4R_{name.upper()} must be limits such as"):
        ActionsSettings.model_validate({"database_url": "sqlite+aiosqlite://", name: text})


def test_the_headers_are_structured_fields() -> None:
    limits = RateLimits(LimitedBy.MAILBOX, read_limits("20/hour;60/day"))
    assert limits.policy == '"mailbox-1-hour";q=20;w=3600, "mailbox-1-day";q=60;w=86400'
    assert limits.state(limits.items[1], 77) == '"mailbox-1-day";r=0;t=77'
    assert re.fullmatch(r'"[ -~]+";r=\d+;t=\d+', limits.state(limits.items[0], 1))


@pytest.mark.parametrize(
    ("spelt", "canonical"),
    [
        ("Ana.Nita@Mail.Example", "ana.nita@mail.example"),
        ("ana+w4r@mail.example", "ana@mail.example"),
        ("+tag@mail.example", "+tag@mail.example"),
        ("A.n.a+x@googlemail.com", "ana@gmail.com"),
    ],
)
def test_one_mailbox_has_one_spelling(spelt: str, canonical: str) -> None:
    assert canonical_mailbox(spelt) == canonical
