"""What services refuse to be told from outside."""

import pytest
from pydantic import ValidationError

from shared.settings import Settings


@pytest.mark.parametrize("url", ["https://act.example", "http://localhost:8000", "https://xn--bcher-kva.example/w4r"])
def test_a_public_address_may_stand_in_headers_of_mails(url: str) -> None:
    assert Settings(public_url=url).public_url == url


@pytest.mark.parametrize(
    "url", ["https://b\u00fccher.example", "act.example", "https://act.example\r\nBcc: a@b.example", ""]
)
def test_one_that_may_not_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValidationError, match="public_url"):
        Settings(public_url=url)
