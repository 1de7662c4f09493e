"""What delivery measures."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.delivery.standing import Overview
from services.delivery.states import LIVE, LetterState

DESTINATIONS_NAMED_MAX = 20
OTHERS = "others"
HANDOVER_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600)


class DeliveryMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.attempts = Counter(
            "delivery_attempts", "Handovers tried, by what came of them", ("outcome",), registry=registry
        )
        self.handover_seconds = Histogram(
            "delivery_handover_seconds", "Time one handover took", buckets=HANDOVER_BUCKETS_SECONDS, registry=registry
        )
        self.in_flight = Gauge("delivery_letters_in_flight", "Letters being handed over now", registry=registry)
        self.unrecorded = Gauge("delivery_results_unrecorded", "Results not written down yet", registry=registry)
        self.letters = Gauge("delivery_letters", "Letters that wait, by state", ("state",), registry=registry)
        self.targets_late = Gauge(
            "delivery_targets_late", "Targets whose last letter will be out after a case has closed", registry=registry
        )
        self.destinations_held = Gauge(
            "delivery_destinations_held", "Destinations that refused us by policy and wait for staff", registry=registry
        )
        self.destinations_resting = Gauge(
            "delivery_destinations_resting", "Destinations that asked for less", registry=registry
        )
        self.queued = Gauge(
            "delivery_queued_letters", "Queued letters, by destination", ("destination",), registry=registry
        )
        self.outbox_depth = Gauge("delivery_outbox_depth", "Events waiting to be published", registry=registry)

    def set_standing(self, overview: Overview) -> None:
        """The destinations with most letters by name, all others together."""
        self.targets_late.set(sum(target.is_late for target in overview.targets))
        self.destinations_held.set(sum(bool(one.held_because) for one in overview.destinations))
        self.destinations_resting.set(sum(bool(one.cool_until) for one in overview.destinations))
        by_queued = sorted(overview.destinations, key=lambda one: -one.queued)
        self.queued.clear()
        for one in by_queued[:DESTINATIONS_NAMED_MAX]:
            self.queued.labels(one.name).set(one.queued)
        self.queued.labels(OTHERS).set(sum(one.queued for one in by_queued[DESTINATIONS_NAMED_MAX:]))

    def set_letters(self, counts: Mapping[LetterState, int]) -> None:
        for state in LIVE:
            self.letters.labels(state).set(counts.get(state, 0))
