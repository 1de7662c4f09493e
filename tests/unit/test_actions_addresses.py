"""A glance at an address never says yes where the full parser would say no, or would change it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import EmailStr, TypeAdapter, ValidationError

from services.actions.addresses import is_plain

PARSER: TypeAdapter[str] = TypeAdapter(EmailStr)
PIECES = st.sampled_from([*'aZ09é.-_+@ \n"<>', "xn--", "mail", "example", "test", "onion", "org", "x" * 61, "a.b@c."])


def parsed(address: str) -> str | None:
    try:
        return PARSER.validate_python(address)
    except ValidationError:
        return None


@given(st.lists(PIECES, max_size=6).map("".join), st.lists(PIECES, max_size=6).map("".join))
@settings(max_examples=500)
def test_what_is_plain_is_what_the_parser_gives_back(local: str, domain: str) -> None:
    for address in (f"{local}@{domain}", f"a{local}@b{domain}.org", f"{local}{domain}"):
        if is_plain(address):
            assert parsed(address) == address


@given(st.emails())
def test_any_address_that_is_plain_is_good(address: str) -> None:
    for spelling in (address, address.lower()):
        if is_plain(spelling):
            assert parsed(spelling) == spelling


@pytest.mark.parametrize("address", ["a@mail.example", "first.last+tag@some-place.co.uk", "x_1@a.b.org"])
def test_ordinary_addresses_are_plain(address: str) -> None:
    assert is_plain(address)
    assert parsed(address) == address


@pytest.mark.parametrize(
    "address",
    ["a@b", "A@b.org", "a@b.ORG", "a..b@c.org", "a@x.test", "a@b.onion", "a@xn--b.org", "a@b.org\n", " a@b.org"],
)
def test_what_is_not_ordinary_is_left_to_the_parser(address: str) -> None:
    assert not is_plain(address)
