"""Requests as supporters and partners send them. Every value may be changed by keyword."""

from typing import Any

from tests.support.events import MINISTRY


def a_supporter(**changes: Any) -> dict[str, Any]:
    return {"name": "A Supporter", "email": "supporter@mail.example", "country": "DE"} | changes


def a_letter(**changes: Any) -> dict[str, Any]:
    return {"subject": "Please act", "body": "Dear Minister,\n\nplease act.", "language": "en"} | changes


def an_action(**changes: Any) -> dict[str, Any]:
    values = {"case": "a-test-case", "channel": "email", "supporter": a_supporter(), "letter": a_letter()}
    return values | changes


def an_action_by(who: object, **changes: Any) -> dict[str, Any]:
    """By somebody of their own: `who` is in their name and their mailbox. The same `who`, the same action."""
    return an_action(supporter=a_supporter(name=f"Supporter {who}", email=f"supporter-{who}@mail.example"), **changes)


def a_form(**changes: Any) -> dict[str, Any]:
    values = {
        "case": "a-test-case",
        "channel": "email",
        "nonce": "a-nonce",
        "name": "A Supporter",
        "email": "supporter@mail.example",
        "country": "DE",
        "subject": "Please act",
        "body": "Dear Minister,\r\n\r\nplease act.",
        "language": "en",
        "targets": [str(MINISTRY.id)],
        "source": "utm_source=newsletter",
    }
    return values | changes
