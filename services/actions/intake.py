"""Accepts an action: checks it against its case, keeps it once, and returns when it is on disk."""

import asyncio
import secrets
from dataclasses import dataclass, field
from uuid import UUID

from services.actions.accepting import IntakeSwitches
from services.actions.admission import admit
from services.actions.entries import make_entry
from services.actions.errors import KeyReused, ProofNeeded, Unconfirmed
from services.actions.group_commit import GroupCommit
from services.actions.intake_limits import IntakeLimits
from services.actions.known_cases import KnownCases
from services.actions.metrics import IntakeMetrics
from services.actions.origins import NOWHERE, Origin
from services.actions.proofs import Outcome
from services.actions.proving import Proving
from services.actions.schemas import ActionRequest
from services.actions.store import ActionStore, Kept
from services.actions.verification import VerificationRules, ask_first, needs_verification
from shared.clock import Clock
from shared.messages.cases import Channel
from shared.web.problems import Problem

LOOKUPS_MAX = 4  # at once: those who are refused must not take the connections that writers need
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
    limits: IntakeLimits
    commit: GroupCommit
    store: ActionStore
    clock: Clock
    metrics: IntakeMetrics
    seconds_max: float
    switches: IntakeSwitches
    proving: Proving
    verification: VerificationRules
    lookups: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LOOKUPS_MAX))


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
        await intake.switches.require_accepting(request.case)
        intake.limits.count(request, origin)
        proof = await intake.proving.require(request.proof, action_id, snapshot.protection, deadline)
        if proof is Outcome.UNPROVEN and request.channel is Channel.SOCIAL:
            raise ProofNeeded  # there is no mailbox to confirm it from instead, and nobody who reads it first
    except Problem:
        # A case may close, a limit be reached or a proof expire between an action and its repeat, which still deserves
        # its receipt.
        earlier = await _find_earlier(action_id, deadline, intake) if case else None
        if earlier is None:
            raise
        return earlier
    edited = case is not None and case.is_edited(request.letter.body)
    entry = make_entry(request, action_id, digest, token, snapshot, targets, now, origin=origin, edited=edited)
    if needs_verification(snapshot, proof) and request.supporter.email:
        entry = ask_first(entry, request, snapshot, now, intake.verification)
    return await intake.commit.put(entry, deadline - loop.time())


async def _find_earlier(action_id: UUID, deadline: float, intake: Intake) -> Kept | None:
    async with asyncio.timeout_at(deadline), intake.lookups:
        return await intake.store.find(action_id)
