"""Where a case asks for it, an action waits for its supporter to confirm it by mail: who must, and until when.

What is kept of such an action is an entry like any other, but it tells the others that it waits, and it holds no
`sender_key`: or whoever typed another's name and address would keep that person from writing.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.actions.proofs import Outcome
from services.actions.schemas import ActionRequest
from services.actions.store import Entry
from services.actions.tables import Action
from shared.messages.actions import ActionAwaitsVerificationV1, VerificationRequestedV1
from shared.messages.cases import CasePublishedV1, Verification
from shared.messages.envelope import Event, seal
from shared.observability import current_traceparent

TOKEN_BYTES = 24  # 192 bits, as a receipt's


@dataclass(frozen=True)
class VerificationRules:
    """How patient we are. `mails_max` are those that somebody asked for, the first with them; a reminder is extra."""

    site: str
    lasts: timedelta
    mails_max: int
    between_mails: timedelta
    reminded_after: timedelta


def needs_verification(case: CasePublishedV1, proof: Outcome) -> bool:
    """Whether an action on this case waits for its supporter's mailbox.

    So does that of somebody without scripts, or without a challenge, where others bring a proof of work."""
    return case.protection.verification is Verification.BEFORE_DELIVERY or proof is Outcome.UNPROVEN


def ask_first(
    entry: Entry, request: ActionRequest, case: CasePublishedV1, now: datetime, rules: VerificationRules
) -> Entry:
    """The entry as it is kept while it waits: it tells that it does, and asks for the mail."""
    token, verify_by = new_verify_token(), last_moment(case, now, rules)
    row = dict(entry.row) | {"sender_key": None, "verify_token": token, "verify_by": verify_by}
    waits = ActionAwaitsVerificationV1(
        action_id=entry.id,
        case_id=case.case_id,
        case_slug=case.slug,
        channel=request.channel,
        country=request.supporter.country,
        partner=request.source.get("partner"),
        accepted_at=now,
    )
    asks = make_request(Action(**row), token, verify_by, 1, now, rules)
    events: tuple[Event, ...] = (waits, asks)
    return replace(entry, row=row, events=tuple(seal(event, current_traceparent()) for event in events))


def make_request(
    action: Action, token: str, expires_at: datetime, number: int, now: datetime, rules: VerificationRules
) -> VerificationRequestedV1:
    """What delivery needs for the mail with this `number`."""
    return VerificationRequestedV1(
        action_id=action.id,
        number=number,
        case_id=action.case_id,
        case_slug=action.case_slug,
        country=action.supporter_country,
        mailbox=action.supporter_email,
        name=action.supporter_name,
        language=action.letter_language,
        confirm_url=f"{rules.site}/verify/{token}",
        requested_at=now,
        expires_at=expires_at,
    )


def new_verify_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def last_moment(case: CasePublishedV1, now: datetime, rules: VerificationRules) -> datetime:
    """Until when a mail that is asked for now confirms: no longer than the case takes letters."""
    return min(now + rules.lasts, case.closes_at or now + rules.lasts)


def is_awaited(action: Action) -> bool:
    """Whether the action still lacks its supporter's word, be it in time or too late."""
    return is_unconfirmed(action) and action.cancelled_at is None and action.invalidation_id is None


def is_unconfirmed(action: Action) -> bool:
    """Whether it was never confirmed, whatever came of it: then it has no letters."""
    return action.verify_token is not None and action.verified_at is None


def is_late(action: Action, now: datetime) -> bool:
    return action.verify_by is not None and now >= action.verify_by


def mails_sent(action: Action) -> int:
    return action.mails_sent or 1


def may_mail_again(action: Action, now: datetime, rules: VerificationRules) -> bool:
    """Whether another mail may go out because somebody asked for it."""
    asked_for = mails_sent(action) - (1 if action.reminded_at else 0)
    rested = now >= (action.last_mail_at or action.accepted_at) + rules.between_mails
    return is_awaited(action) and asked_for < rules.mails_max and rested
