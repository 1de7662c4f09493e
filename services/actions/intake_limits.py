"""Whether one more action is taken from here: staff's rules first, then the limits on how often.

Attempts are counted, not what was kept: an answer never tells whether somebody acted before.
"""

import math
from collections.abc import Iterable
from hashlib import sha256

from limits import RateLimitItem
from limits.strategies import FixedWindowRateLimiter

from services.actions.access_rules import AccessRules
from services.actions.errors import Blocked, TooManyFromHere
from services.actions.mailboxes import canonical_mailbox
from services.actions.metrics import IntakeMetrics
from services.actions.origins import Origin
from services.actions.rate_limits import LimitedBy, RateLimits
from services.actions.rate_store import RateStore
from services.actions.rule_values import Verdict
from services.actions.schemas import ActionRequest
from shared.clock import Clock

DIGEST_CHARACTERS = 32  # 128 bits


class IntakeLimits:
    """Asks nobody, waits for nothing: `beat`, called every second, shares and learns."""

    def __init__(
        self,
        limits: Iterable[RateLimits],
        store: RateStore,
        rules: AccessRules,
        clock: Clock,
        metrics: IntakeMetrics,
    ) -> None:
        by = {each.by: each for each in limits if each.items}
        self._network, self._mailbox, self._case = (by.get(each) for each in LimitedBy)
        self._store, self._limiter = store, FixedWindowRateLimiter(store)
        self._rules, self._clock, self._metrics = rules, clock, metrics

    def count(self, request: ActionRequest, origin: Origin) -> None:
        """Count an attempt to act. Raises `Blocked` or `TooManyFromHere`.

        Whom a rule allows is not limited by network or mailbox; the limit on a case holds for everybody."""
        email = request.supporter.email
        mailbox = canonical_mailbox(email) if email else ""
        ruled = self._rules.judge(origin.network, mailbox)
        if ruled and ruled[1] is Verdict.BLOCK:
            self._metrics.blocked.labels(ruled[0].value).inc()
            raise Blocked
        if not ruled:
            if self._network and origin.network:
                self._hit(self._network, origin.network)
            if self._mailbox and mailbox:
                self._hit(self._mailbox, mailbox)
        if self._case:
            self._hit(self._case, request.case)

    async def beat(self) -> None:
        """Share the counts with all processes, and learn of rules. Raises `DatabaseAway`: counting goes on here."""
        await self._store.share()
        await self._rules.refresh()

    def _hit(self, limits: RateLimits, what: str) -> None:
        """What one limit refuses is not counted by the next: who tries on for an hour has not used up the day."""
        name = limits.prefix + sha256(what.encode()).hexdigest()[:DIGEST_CHARACTERS]
        for item in limits.items:
            if not self._limiter.hit(item, name):
                self._refuse(limits, item, name)

    def _refuse(self, limits: RateLimits, item: RateLimitItem, name: str) -> None:
        ends_at, _ = self._limiter.get_window_stats(item, name)
        wait_seconds = max(1, math.ceil(ends_at - self._clock.now().timestamp()))
        self._metrics.limited.labels(limits.by.value).inc()
        headers = {"RateLimit-Policy": limits.policy, "RateLimit": limits.state(item, wait_seconds)}
        raise TooManyFromHere(limits.by, wait_seconds, headers)
