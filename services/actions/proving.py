"""Asks for a proof of work where a campaign wants one, and lets each count for one action. Others pay nothing."""

import asyncio
from uuid import UUID

import structlog
from pydantic import SecretStr

from services.actions.errors import ProofExpired, ProofInvalid, ProofUsed
from services.actions.metrics import IntakeMetrics
from services.actions.proofs import Outcome, judge
from services.actions.used_proofs import UsedProofs
from shared.clock import Clock
from shared.messages.cases import Protection
from shared.web.problems import Problem

# What is refused, and how. Without any proof an action is let in, and its supporter confirms it by mail instead.
REFUSED: dict[Outcome, type[Problem]] = {
    Outcome.BAD: ProofInvalid,
    Outcome.EXPIRED: ProofExpired,
    Outcome.USED: ProofUsed,
}

log = structlog.get_logger(__name__)


class Proving:
    """Weighs the proof of each action. Without a secret nothing can be proven, and every action counts as unproven."""

    def __init__(self, secret: SecretStr | None, used: UsedProofs, clock: Clock, metrics: IntakeMetrics) -> None:
        self._secret = secret.get_secret_value() if secret else None
        self._used, self._clock, self._metrics = used, clock, metrics
        self._has_complained = False

    async def require(self, proof: str | None, action_id: UUID, protection: Protection, deadline: float) -> Outcome:
        """Return what the proof is worth, when that is enough. The same action may show the same proof again.

        Raises the `Problem` that says why it is not enough, `TimeoutError` at `deadline`, `DatabaseAway`."""
        if not protection.proof_of_work:
            return Outcome.UNASKED
        outcome = await self._weigh(proof, action_id, deadline)
        self._metrics.proofs.labels(outcome.value).inc()
        if outcome in REFUSED:
            raise REFUSED[outcome]()  # type: ignore[call-arg]
        return outcome

    async def _weigh(self, proof: str | None, action_id: UUID, deadline: float) -> Outcome:
        if self._secret is None:
            self._complain_once()
            return Outcome.UNPROVEN
        if not proof:
            return Outcome.UNPROVEN
        verdict = judge(proof, self._secret, self._clock.now())
        if verdict.outcome is not Outcome.PROVEN:
            return verdict.outcome
        async with asyncio.timeout_at(deadline):
            owner = await self._used.use(verdict.challenge, action_id, verdict.expires_at)
        return Outcome.PROVEN if owner == action_id else Outcome.USED

    def _complain_once(self) -> None:
        if not self._has_complained:
            self._has_complained = True
            reason = "a campaign asks for proof of work, and W4R_PROOF_SECRET is not set"
            log.error("proofs_impossible", reason=reason, next="every action of it counts as unproven")
