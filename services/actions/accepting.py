"""Whether letters are taken in at all, and for each case: staff switch it off and on, and every process follows.

The check is made beside `admit`, in memory. What was taken before keeps its receipt.
"""

from collections.abc import Awaitable, Callable, Sequence

from services.actions.errors import NotAccepting
from services.actions.known_cases import KnownCases
from services.actions.tables import CaseStatus
from services.actions.telling_news import NEWS_SWITCH
from shared.clock import Clock
from shared.db import DatabaseAway
from shared.switches import Switches
from shared.web.shedding import Feature
from shared.web.switchboard import PLAIN_STATES, Switch

ACCEPTING = "accepting"
OF_CASE = ACCEPTING + ":"


class IntakeSwitches:
    """The switches as intake asks them."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches

    async def require_accepting(self, slug: str) -> None:
        """Raises `NotAccepting`, in the words of what is switched off."""
        await self._switches.refresh()
        if self._switches.is_off(ACCEPTING):
            raise NotAccepting(whole=True)
        if self._switches.is_off(OF_CASE + slug):
            raise NotAccepting(whole=False)


def offered_switches(cases: KnownCases, switches: Switches, clock: Clock) -> Callable[[], Awaitable[Sequence[Switch]]]:
    """All of intake, news, sharing, and each case that is open or was switched before."""

    async def offer() -> list[Switch]:
        turned = {name.removeprefix(OF_CASE) for name in switches.names() if name.startswith(OF_CASE)}
        slugs = sorted(turned | await _open_cases(cases, clock))
        return [
            Switch(ACCEPTING, "Letters for all cases are taken in", PLAIN_STATES),
            *(Switch(OF_CASE + slug, f"Letters for {slug} are taken in", PLAIN_STATES) for slug in slugs),
            Switch(NEWS_SWITCH, "News of cases goes out by mail to those who asked for it", PLAIN_STATES),
            Switch(Feature.SHARING.value, "Receipts offer ways to share the case"),
        ]

    return offer


async def _open_cases(cases: KnownCases, clock: Clock) -> set[str]:
    try:
        known = await cases.all()
    except DatabaseAway:
        return set()
    now = clock.now()
    return {slug for slug, case in known.items() if case.status_at(now) is CaseStatus.OPEN}
