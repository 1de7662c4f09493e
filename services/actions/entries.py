"""What is written of an action that was admitted: its row, and the event that tells of it."""

from datetime import datetime
from uuid import UUID

from services.actions.origins import NOWHERE, Origin
from services.actions.schemas import ActionRequest
from services.actions.senders import sender_key
from services.actions.solidarity import for_carriers
from services.actions.store import Entry
from services.actions.tables import Judgement
from shared.messages.actions import ActionAcceptedV1, Letter, Supporter
from shared.messages.cases import CasePublishedV1, Channel, Target
from shared.messages.envelope import seal
from shared.observability import current_traceparent


def make_entry(
    request: ActionRequest,
    action_id: UUID,
    digest: str,
    token: str,
    case: CasePublishedV1,
    targets: tuple[Target, ...],
    now: datetime,
    *,
    origin: Origin = NOWHERE,
    edited: bool | None = None,
) -> Entry:
    """The row and the events of an action that was admitted."""
    event, is_solidarity = make_event(request, action_id, case, targets, now), request.channel is Channel.SOLIDARITY
    row = {
        "id": action_id,
        "token": token,
        "body_hash": digest,
        "case_id": case.case_id,
        "case_slug": case.slug,
        "channel": request.channel.value,
        "supporter_name": request.supporter.name,
        "supporter_email": request.supporter.email,
        "supporter_country": request.supporter.country,
        "hide_email": request.hide_email,
        "opt_in": request.opt_in,
        "source": request.source,
        "letter_subject": request.letter.subject,
        "letter_body": request.letter.body,
        "letter_language": request.letter.language,
        "target_ids": [str(target.id) for target in targets],
        "accepted_at": now,
        "sender_key": _sender_key(request, case),
        "edited": edited,
        "network": origin.network,
        "verify_token": None,
        "verify_by": None,
        "may_be_shown": request.may_be_shown if is_solidarity else None,
        "judgement": Judgement.WAITING.value if is_solidarity else None,
    }
    return Entry(action_id, token, digest, row, (seal(event, current_traceparent()),))


def make_event(
    request: ActionRequest, action_id: UUID, case: CasePublishedV1, targets: tuple[Target, ...], now: datetime
) -> ActionAcceptedV1:
    """All that delivery needs, and no more: a hidden address does not travel."""
    wrote, words = request.supporter, request.letter
    supporter, letter = for_carriers(
        request.channel,
        Supporter(name=wrote.name, email=None if request.hide_email else wrote.email, country=wrote.country),
        Letter(subject=words.subject, body=words.body, language=words.language),
    )
    return ActionAcceptedV1(
        action_id=action_id,
        case_id=case.case_id,
        case_slug=case.slug,
        case_title=case.title,
        campaign_name=case.campaign_name,
        channel=request.channel,
        supporter=supporter,
        letter=letter,
        targets=targets,
        partner=request.source.get("partner"),
        closes_at=case.closes_at,
        accepted_at=now,
    )


def _sender_key(request: ActionRequest, case: CasePublishedV1) -> UUID | None:
    """None where nobody is named: nobody can tell then who acted before."""
    supporter = request.supporter
    return sender_key(case.case_id, request.channel, supporter.email, supporter.name) if supporter.email else None
