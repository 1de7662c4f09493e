"""What delivery answers when it cannot do what an operator asked."""

from services.delivery.states import LetterState
from shared.web.problems import Problem


def no_such_page() -> Problem:
    """Also what a closed console answers: whoever has no business here learns nothing of it."""
    return Problem(404, "not-found", "Not Found")


def no_such_letter() -> Problem:
    return Problem(404, "no-such-letter", "There is no such letter")


def not_staff() -> Problem:
    headers = {"WWW-Authenticate": 'Bearer realm="letters"', "Cache-Control": "no-store"}
    return Problem(
        401, "not-staff", "Operators only", "Send the staff token as Authorization: Bearer.", headers=headers
    )


def wrong_token() -> Problem:
    return Problem(403, "wrong-token", "That is not the staff token", headers={"Cache-Control": "no-store"})


def forged_form() -> Problem:
    return Problem(
        403, "other-origin", "This form was not sent from our own page", headers={"Cache-Control": "no-store"}
    )


def bad_cursor() -> Problem:
    return Problem(422, "bad-cursor", "This is not a place in the list", "Follow the `next` link as it was given.")


def cannot_retry(state: LetterState) -> Problem:
    return Problem(409, "cannot-retry", "This letter cannot be sent again", f"It is {state}.")


def must_not_retry() -> Problem:
    return Problem(409, "withdrawn", "This letter must not be sent", "Its case was withdrawn or its action cancelled.")


def has_no_address() -> Problem:
    return Problem(409, "no-address", "This letter cannot be sent", "Its target has no address for this channel.")


def cannot_cancel(state: LetterState) -> Problem:
    return Problem(409, "cannot-cancel", "This letter can no longer be stopped", f"It is {state}.")
