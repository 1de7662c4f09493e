"""Accepts an action: checks it against its case, keeps it once, and returns when it is on disk."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.actions.admission import admit
from services.actions.errors import KeyReused, Unconfirmed
from services.actions.group_commit import GroupCommit
from services.actions.known_cases import KnownCases
from services.actions.metrics import IntakeMetrics
from services.actions.origins import NOWHERE, Origin
from services.actions.proving import Proving
from services.actions.schemas import ActionRequest
from services.actions.store import ActionStore, Entry, Kept
from shared.clock import Clock
from shared.messages.actions import ActionAcceptedV1, Letter, Supporter
from shared.messages.cases import CasePublishedV1, Target
from shared.messages.envelope import seal
from shared.observability import current_traceparent
from shared.web.problems import Problem

TOKEN_BYTES = 24  # 192 bits: nobody guesses another's receipt


@dataclass(frozen=True)
class Receipt:
    """What the supporter gets for an action: `token` opens the page that tells what became of it."""

    action_id: UUID
    token: str


@dataclass(frozen=True)
class Intake:
    """What accepting an action needs."""

    cases: KnownCases
    commit: GroupCommit
    store: ActionStore
    clock: Clock
    metrics: IntakeMetrics
    seconds_max: float
    proving: Proving


async def accept_action(request: ActionRequest, action_id: UUID, intake: Intake, origin: Origin = NOWHERE) -> Receipt:
    """Return once the action is committed; the same `action_id` again returns the same receipt.

    Raises a `Problem` that says what is wrong with the request, `KeyReused` when the id came before with other
    words, `QueueFull` or `Unconfirmed` when it should come again, and `DatabaseAway`."""
    digest, token = request.digest(), secrets.token_urlsafe(TOKEN_BYTES)
    try:
        kept = await _keep(request, action_id, digest, token, intake, origin)
    except TimeoutError:
        raise Unconfirmed from None
    if kept.body_hash != digest:
        raise KeyReused
    if kept.token == token:
        intake.metrics.accepted.labels(request.channel.value).inc()
    return Receipt(action_id, kept.token)


async def _keep(
    request: ActionRequest, action_id: UUID, digest: str, token: str, intake: Intake, origin: Origin
) -> Kept:
    """Raises `TimeoutError` after `seconds_max`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + intake.seconds_max
    case = intake.cases.known(request.case)
    if case is None:
        async with asyncio.timeout_at(deadline):
            case = await intake.cases.find(request.case)
    now = intake.clock.now()
    try:
        snapshot, targets = admit(request, case, now)
        await intake.proving.require(request.proof, action_id, snapshot.protection, deadline)
    except Problem:
        # A case may close between an action and its repeat, or a proof expire; it still deserves its receipt.
        earlier = await _find_earlier(action_id, deadline, intake) if case else None
        if earlier is None:
            raise
        return earlier
    entry = make_entry(request, action_id, digest, token, snapshot, targets, now, origin)
    return await intake.commit.put(entry, deadline - loop.time())


async def _find_earlier(action_id: UUID, deadline: float, intake: Intake) -> Kept | None:
    async with asyncio.timeout_at(deadline):
        return await intake.store.find(action_id)


def make_entry(
    request: ActionRequest,
    action_id: UUID,
    digest: str,
    token: str,
    case: CasePublishedV1,
    targets: tuple[Target, ...],
    now: datetime,
    origin: Origin = NOWHERE,
) -> Entry:
    """The row and the event of an action that was admitted."""
    event = make_event(request, action_id, case, targets, now)
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
        "cancelled_at": None,
        "network": origin.network,
    }
    return Entry(action_id, token, digest, row, seal(event, current_traceparent()))


def make_event(
    request: ActionRequest, action_id: UUID, case: CasePublishedV1, targets: tuple[Target, ...], now: datetime
) -> ActionAcceptedV1:
    """All that delivery needs, and no more: a hidden address does not travel."""
    supporter = request.supporter
    return ActionAcceptedV1(
        action_id=action_id,
        case_id=case.case_id,
        case_slug=case.slug,
        case_title=case.title,
        campaign_name=case.campaign_name,
        channel=request.channel,
        supporter=Supporter(
            name=supporter.name,
            email=None if request.hide_email else supporter.email,
            country=supporter.country,
        ),
        letter=Letter(
            subject=request.letter.subject,
            body=request.letter.body,
            language=request.letter.language,
        ),
        targets=targets,
        partner=request.source.get("partner"),
        closes_at=case.closes_at,
        accepted_at=now,
    )
