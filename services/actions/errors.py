"""What the actions service refuses, and the answer each refusal gets."""

from services.actions.tables import CaseStatus
from shared.web.problems import FieldError, Problem

SECONDS_TO_WAIT_WHEN_FULL = 2


class KeyMissing(Problem):
    """Source: the IETF's Idempotency-Key draft, section 2.7, which names these statuses."""

    def __init__(self) -> None:
        detail = "Send a fresh random value, such as a UUID, with each new action, and the same one to repeat it."
        super().__init__(400, "idempotency-key-missing", "The header Idempotency-Key is missing", detail)


class KeyMalformed(Problem):
    def __init__(self) -> None:
        detail = "It takes 1 to 255 printable ASCII characters."
        super().__init__(400, "idempotency-key-malformed", "The header Idempotency-Key cannot be read", detail)


class KeyReused(Problem):
    def __init__(self) -> None:
        detail = "This key came before with another body. A new action needs a new key."
        super().__init__(422, "idempotency-key-reused", "The Idempotency-Key belongs to another action", detail)


class WrongType(Problem):
    def __init__(self, expected: str) -> None:
        super().__init__(415, "unsupported-media-type", "This type of content cannot be read", f"Send {expected}.")


class NotJson(Problem):
    def __init__(self) -> None:
        super().__init__(400, "invalid-json", "The body is not JSON")


class UnknownCase(Problem):
    def __init__(self) -> None:
        errors = [FieldError("case", "There is no such case.")]
        super().__init__(404, "unknown-case", "We do not know this case", errors=errors)


class CaseClosed(Problem):
    def __init__(self, reason: CaseStatus) -> None:
        won = reason is CaseStatus.WON
        why = "It was won. Letters are no longer needed." if won else "Its time to write has ended."
        errors = [FieldError("case", f"This case is closed: {reason.value}.")]
        super().__init__(409, "case-closed", "This case no longer takes letters", why, errors)


class CaseWithdrawn(Problem):
    def __init__(self) -> None:
        why = "It was withdrawn, and letters that had not gone out were stopped."
        errors = [FieldError("case", "This case was withdrawn.")]
        super().__init__(410, "case-withdrawn", "This case was withdrawn", why, errors)


class QueueFull(Problem):
    def __init__(self) -> None:
        detail = "More people are writing than we can take at this moment. Nothing was kept; please send it again."
        headers = {"Retry-After": str(SECONDS_TO_WAIT_WHEN_FULL)}
        super().__init__(503, "too-busy", "Please try again in a moment", detail, headers=headers)


class Unconfirmed(Problem):
    def __init__(self) -> None:
        detail = "We could not confirm in time that it is kept. Please send it again: it will count once."
        headers = {"Retry-After": str(SECONDS_TO_WAIT_WHEN_FULL)}
        super().__init__(503, "unconfirmed", "Please try again in a moment", detail, headers=headers)


class Unwritable(Exception):
    """The database refuses this one row. A defect of ours: what it cannot take should have been refused before."""


class UnknownLink(Problem):
    def __init__(self) -> None:
        detail = "Please check that the whole link was copied. If another mail came later, its link may be a newer one."
        super().__init__(404, "unknown-link", "There is no such link", detail)


class UnknownReceipt(Problem):
    def __init__(self) -> None:
        detail = "Please check that the whole link was copied."
        super().__init__(404, "unknown-receipt", "There is no such receipt", detail)
