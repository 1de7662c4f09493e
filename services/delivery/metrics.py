"""What delivery measures."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.delivery.states import LIVE, LetterState

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
        self.outbox_depth = Gauge("delivery_outbox_depth", "Events waiting to be published", registry=registry)

    def set_letters(self, counts: Mapping[LetterState, int]) -> None:
        for state in LIVE:
            self.letters.labels(state).set(counts.get(state, 0))
