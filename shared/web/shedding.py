"""What is left out before any letter is refused, and in which order: a process that is crowded does less for each.

`counters` go first, then `sharing`, then `search`. At a share of 1.0 requests are refused (`in_flight.py`). What was
left out stays so for some seconds, or pages would flicker. Staff may turn each on or off, whatever the load.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

import structlog
from prometheus_client import CollectorRegistry, Gauge

from shared.clock import Clock
from shared.switches import Switches, SwitchState
from shared.web.in_flight import Load

HOLD_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Feature(StrEnum):
    """What pages can do without, in the order in which they do."""

    COUNTERS = "counters"
    SHARING = "sharing"
    SEARCH = "search"


# The share of the requests a process may have under way at which each is left out.
SHED_AT: Mapping[Feature, float] = {Feature.COUNTERS: 0.5, Feature.SHARING: 0.7, Feature.SEARCH: 0.85}


class Shedding:
    """Says of each of a service's features whether it is left out now, in this process."""

    def __init__(
        self,
        features: Sequence[Feature],
        switches: Switches,
        load: Load,
        clock: Clock,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._switches, self._load, self._clock = switches, load, clock
        self._held_until: dict[Feature, datetime] = {}
        self._was_shed = dict.fromkeys(features, False)
        gauge = Gauge("feature_shed", "Whether pages do without this now", ("feature",), registry=registry)
        for feature in features:
            gauge.labels(feature.value).set_function(partial(self.is_shed, feature))

    @property
    def features(self) -> Sequence[Feature]:
        return list(self._was_shed)

    async def sheds(self, feature: Feature) -> bool:
        """For a page that is about to be made. Costs nothing but a look at the switches now and then."""
        await self._switches.refresh()
        return self.is_shed(feature)

    def is_shed(self, feature: Feature) -> bool:
        """By the switches as this process saw them last, and by its load at this moment."""
        turned = self._switches.turned(feature.value)
        state = turned.state if turned else SwitchState.AUTO
        # The load is always looked at, so that its hold is true also in the moment of switching back to `auto`.
        is_crowded = self._is_crowded(feature)
        is_shed = is_crowded if state is SwitchState.AUTO else state is SwitchState.OFF
        if is_shed is not self._was_shed[feature]:
            self._was_shed[feature] = is_shed
            self._say(feature, state, is_shed)
        return is_shed

    def _is_crowded(self, feature: Feature) -> bool:
        now = self._clock.now()
        if self._load.share >= SHED_AT[feature]:
            self._held_until[feature] = now + timedelta(seconds=HOLD_SECONDS)
        held_until = self._held_until.get(feature)
        return held_until is not None and now < held_until

    def _say(self, feature: Feature, state: SwitchState, is_shed: bool) -> None:
        event = "feature_shed" if is_shed else "feature_back"
        share, following = round(self._load.share, 2), "pages do without it" if is_shed else "pages have it again"
        log.warning(event, action=feature.value, switch=state.value, load=share, next=following)
