"""What the actions service refuses, and the answer each refusal gets."""

from collections.abc import Mapping
from typing import ClassVar

from services.actions.tables import CaseStatus
from shared.languages import N_
from shared.web.problems import FieldError, Problem

SECONDS_TO_WAIT_WHEN_FULL = 2
SECONDS_TO_WAIT_WHEN_SWITCHED_OFF = 30


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
        super().__init__(415, "unsupported-media-type", N_("This type of content cannot be read"), f"Send {expected}.")


class NotJson(Problem):
    def __init__(self) -> None:
        super().__init__(400, "invalid-json", "The body is not JSON")


class UnknownCase(Problem):
    def __init__(self) -> None:
        errors = [FieldError("case", N_("There is no such case."))]
        super().__init__(404, "unknown-case", N_("We do not know this case"), errors=errors)


class CaseClosed(Problem):
    def __init__(self, reason: CaseStatus) -> None:
        won = reason is CaseStatus.WON
        why = N_("It was won. Letters are no longer needed.") if won else N_("Its time to write has ended.")
        closed = N_("This case is closed: it was won.") if won else N_("This case is closed: its time has ended.")
        errors = [FieldError("case", closed)]
        super().__init__(409, "case-closed", N_("This case no longer takes letters"), why, errors)


class CaseWithdrawn(Problem):
    def __init__(self) -> None:
        why = N_("It was withdrawn, and letters that had not gone out were stopped.")
        errors = [FieldError("case", N_("This case was withdrawn."))]
        super().__init__(410, "case-withdrawn", N_("This case was withdrawn"), why, errors)


class QueueFull(Problem):
    def __init__(self) -> None:
        detail = N_("More people are writing than we can take at this moment. Nothing was kept; please send it again.")
        headers = {"Retry-After": str(SECONDS_TO_WAIT_WHEN_FULL)}
        super().__init__(503, "too-busy", N_("Please try again in a moment"), detail, headers=headers)


class NotAccepting(Problem):
    """Staff have switched it off for now: for every case, or for one."""

    def __init__(self, *, whole: bool) -> None:
        title = N_("We take in no letters just now") if whole else N_("This case takes no letters just now")
        detail = N_("It was switched off for a while. Nothing was kept; please send it again later.")
        headers = {"Retry-After": str(SECONDS_TO_WAIT_WHEN_SWITCHED_OFF)}
        super().__init__(503, "not-accepting", title, detail, headers=headers)


class Unconfirmed(Problem):
    def __init__(self) -> None:
        detail = N_("We could not confirm in time that it is kept. Please send it again: it will count once.")
        headers = {"Retry-After": str(SECONDS_TO_WAIT_WHEN_FULL)}
        super().__init__(503, "unconfirmed", N_("Please try again in a moment"), detail, headers=headers)


class TooManyFromHere(Problem):
    """`by` is one of `LimitedBy`: each has its own words, and none says who wrote before."""

    _WORDS: ClassVar = {
        "network": N_("More letters came from your network lately than we take from one. This one is not kept yet."),
        "mailbox": N_("More letters came under this email address lately than we take. This one is not kept yet."),
        "case": N_("More letters came for this case lately than it takes at once. This one is not kept yet."),
    }

    def __init__(self, by: str, wait_seconds: int, rate_limit: Mapping[str, str]) -> None:
        detail = self._WORDS[by]
        headers = {"Retry-After": str(wait_seconds), "Cache-Control": "no-store", **rate_limit}
        super().__init__(429, "too-many-from-here", N_("Please try again later"), detail, headers=headers)


class Blocked(Problem):
    """Says nothing of the reason: that is between staff and their rule."""

    def __init__(self) -> None:
        detail = N_("If you think that this is a mistake, please write to the people who run this site.")
        super().__init__(
            403, "blocked", N_("We cannot take this letter"), detail, headers={"Cache-Control": "no-store"}
        )


class RuleExists(Problem):
    def __init__(self) -> None:
        detail = "Remove it first, then make the new one."
        super().__init__(409, "rule-exists", "There is a rule for this already", detail)


class RulesFull(Problem):
    def __init__(self) -> None:
        detail = "Remove some that are no longer needed, or name a whole network or domain."
        super().__init__(409, "rules-full", "There are as many rules as can be held", detail)


class UnknownRule(Problem):
    def __init__(self) -> None:
        super().__init__(404, "unknown-rule", "There is no such rule", "It may have been removed meanwhile.")


class HiddenFieldFilled(Problem):
    """Somebody filled in what people do not see: a robot, or a person's browser that means well."""

    def __init__(self) -> None:
        detail = N_(
            "A field that is not meant for people came back filled in, perhaps by a program in your browser. We have "
            "emptied it: please press send once more."
        )
        super().__init__(422, "hidden-field-filled", N_("Your letter is not sent yet"), detail)


class ProofNeeded(Problem):
    def __init__(self) -> None:
        detail = N_(
            "This campaign asks your browser for a small calculation; scripts must be on for it. A letter needs none."
        )
        super().__init__(422, "proof-needed", N_("Your post is not counted yet"), detail)


class ProofInvalid(Problem):
    def __init__(self) -> None:
        detail = N_("The small calculation that your browser made did not come out right. Please press send once more.")
        super().__init__(422, "proof-invalid", N_("Your letter is not sent yet"), detail)


class ProofExpired(Problem):
    def __init__(self) -> None:
        detail = N_("The small calculation that your browser made has grown too old. Please press send once more.")
        super().__init__(422, "proof-expired", N_("Your letter is not sent yet"), detail)


class ProofUsed(Problem):
    def __init__(self) -> None:
        detail = N_(
            "The small calculation that your browser made went with another letter already; each letter needs its own. "
            "Please press send once more."
        )
        super().__init__(422, "proof-used", N_("Your letter is not sent yet"), detail)


class NoChallenge(Problem):
    def __init__(self) -> None:
        detail = "Proof of work is not set up here. Send the action without one."
        super().__init__(404, "no-challenge", "There is no challenge to solve", detail)


class Unwritable(Exception):
    """The database refuses this one row. A defect of ours: what it cannot take should have been refused before."""


class UnknownLink(Problem):
    def __init__(self) -> None:
        detail = N_(
            "Please check that the whole link was copied. If another mail came later, its link may be a newer one."
        )
        super().__init__(404, "unknown-link", N_("There is no such link"), detail)


class UnknownReceipt(Problem):
    def __init__(self) -> None:
        detail = N_("Please check that the whole link was copied.")
        super().__init__(404, "unknown-receipt", N_("There is no such receipt"), detail)


class NoSuchBundle(Problem):
    def __init__(self) -> None:
        super().__init__(404, "no-such-bundle", "There is no such bundle")


class NothingToBundle(Problem):
    def __init__(self) -> None:
        detail = "Every message that was let through is in a bundle already, or is just being put into one."
        super().__init__(409, "nothing-to-bundle", "There is nothing to bundle for this case", detail)


class NoSuchNews(Problem):
    def __init__(self) -> None:
        super().__init__(404, "no-such-news", "There is no such update")


class CannotStopNews(Problem):
    def __init__(self, state: str) -> None:
        super().__init__(409, "cannot-stop-news", "This cannot be stopped any more", f"It is {state}.")


class NoSuchInvalidation(Problem):
    def __init__(self) -> None:
        super().__init__(404, "no-such-invalidation", "There is no such invalidation")


class TooManyAtOnce(Problem):
    def __init__(self, actions_max: int) -> None:
        detail = f"At most {actions_max:,} actions are invalidated at once. Narrow the time, or name a case."
        super().__init__(422, "too-many-at-once", "This would hit too many actions", detail)


class LookTooLong(Problem):
    def __init__(self) -> None:
        detail = "So many letters could not be searched in time. Nothing was changed. Narrow the time, or name a case."
        super().__init__(422, "look-too-long", "This would take too long", detail)


class CountChanged(Problem):
    def __init__(self, seen: int, now: int) -> None:
        detail = f"{seen:,} actions were seen, and now it would be {now:,}. Look again before you apply it."
        super().__init__(409, "count-changed", "This would hit another number of actions than you saw", detail)


class CannotUndo(Problem):
    def __init__(self, state: str) -> None:
        super().__init__(409, "cannot-undo", "This cannot be taken back", f"It is {state}.")
