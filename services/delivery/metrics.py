"""What delivery measures."""

from collections import Counter as Counts
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.delivery.backlog import Backlog
from services.delivery.destinations import named
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
            "delivery_queued_letters",
            "Queued letters and all else, by destination",
            ("destination",),
            registry=registry,
        )
        self.eligible = Gauge(
            "delivery_eligible_letters",
            "Letters and all else that could go now: due, target and destination open, not paused",
            ("destination",),
            registry=registry,
        )
        self.lag_seconds = Gauge(
            "delivery_lag_seconds", "How long the eligible letter has waited that has waited longest", registry=registry
        )
        self.dead_letters = Gauge(
            "delivery_dead_letters", "Messages that no handler could take, not replayed yet", registry=registry
        )
        self.outbox_depth = Gauge("delivery_outbox_depth", "Events waiting to be published", registry=registry)

    def set_standing(self, overview: Overview) -> None:
        self.targets_late.set(sum(target.is_late for target in overview.targets))
        self.destinations_held.set(sum(bool(one.held_because) for one in overview.destinations))
        self.destinations_resting.set(sum(bool(one.cool_until) for one in overview.destinations))
        queued = Counts[str]()
        for one in overview.destinations:
            queued[one.name] += one.queued - one.others
            queued[named(one.name)] += one.others
        _set_by_destination(self.queued, +queued)

    def set_backlog(self, backlog: Backlog) -> None:
        self.lag_seconds.set(backlog.lag.total_seconds())
        self.dead_letters.set(backlog.dead_letters)
        _set_by_destination(self.eligible, backlog.eligible)

    def set_letters(self, counts: Mapping[LetterState, int]) -> None:
        for state in LIVE:
            self.letters.labels(state).set(counts.get(state, 0))


def _set_by_destination(gauge: Gauge, counts: Mapping[str, int]) -> None:
    """The destinations with most letters by name, all others together: a label costs memory wherever it is kept."""
    largest = sorted(counts, key=lambda name: -counts[name])[:DESTINATIONS_NAMED_MAX]
    gauge.clear()
    for name in largest:
        gauge.labels(name).set(counts[name])
    gauge.labels(OTHERS).set(sum(counts.values()) - sum(counts[name] for name in largest))
