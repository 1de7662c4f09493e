"""What delivery answers when it cannot do what an operator asked."""

from services.delivery.states import LetterState
from shared.web.problems import FieldError, Problem, invalid


def no_such_letter() -> Problem:
    return Problem(404, "no-such-letter", "There is no such letter")


def no_such_account(network: str) -> Problem:
    return invalid([FieldError("networks", f"The campaign has no account on {network} here.")])


def post_too_long(network: str, length_max: int) -> Problem:
    return invalid([FieldError("text", f"With its link it is longer than the {length_max} that {network} takes.")])


def no_such_target() -> Problem:
    return Problem(404, "no-such-target", "No letter ever went to such a target")


def no_such_destination() -> Problem:
    return Problem(404, "no-such-destination", "No letter ever went to such a destination")


def no_such_subject() -> Problem:
    return Problem(404, "no-such-subject", "There is nothing of this kind and name that letters wait for")


def not_paused() -> Problem:
    return Problem(404, "not-paused", "This is not paused")


def is_suppressed() -> Problem:
    return Problem(
        409, "suppressed", "This letter cannot be sent", "Nothing is sent to its address: release that first."
    )


def not_suppressed() -> Problem:
    return Problem(404, "not-suppressed", "This address is not suppressed")


def bad_cursor() -> Problem:
    return Problem(422, "bad-cursor", "This is not a place in the list", "Follow the `next` link as it was given.")


def cannot_retry(state: LetterState) -> Problem:
    return Problem(409, "cannot-retry", "This letter cannot be sent again", f"It is {state}.")


def not_uncertain(state: LetterState) -> Problem:
    return Problem(409, "not-uncertain", "Of this letter it is known what became of it", f"It is {state}.")


def must_not_retry() -> Problem:
    detail = "Its case was withdrawn, or its action cancelled or set aside."
    return Problem(409, "withdrawn", "This letter must not be sent", detail)


def has_no_address() -> Problem:
    return Problem(409, "no-address", "This letter cannot be sent", "Its target has no address for this channel.")


def cannot_cancel(state: LetterState) -> Problem:
    return Problem(409, "cannot-cancel", "This letter can no longer be stopped", f"It is {state}.")


def no_such_bundle() -> Problem:
    return Problem(404, "no-such-bundle", "There is no such bundle")


def no_such_mail() -> Problem:
    return Problem(404, "no-such-mail", "No such mail came back, or it is not kept whole")


def not_for_paper() -> Problem:
    return Problem(409, "not-for-paper", "This bundle goes by mail", "A digest is sent, not printed.")
