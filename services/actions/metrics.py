"""What intake measures of itself."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

ROWS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class IntakeMetrics:
    """For the registry of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.accepted = Counter("actions_accepted", "Actions kept for the first time", ("channel",), registry=registry)
        self.limited = Counter("actions_limited", "Actions refused by a rate limit", ("by",), registry=registry)
        self.blocked = Counter("actions_blocked", "Actions refused by a rule of staff", ("kind",), registry=registry)
        self.honeypot = Counter("actions_honeypot", "Forms with the hidden field filled in", registry=registry)
        self.proofs = Counter("actions_proofs", "Proofs of work asked for, by outcome", ("outcome",), registry=registry)
        self._depth = Gauge("actions_intake_queue_depth", "Actions that wait for a commit", registry=registry)
        self.batch_rows = Histogram("actions_commit_rows", "Actions in one commit", buckets=ROWS, registry=registry)
        self.commit_seconds = Histogram(
            "actions_commit_seconds", "Time of one commit", buckets=SECONDS, registry=registry
        )

    def watch_depth(self, depth: Callable[[], float]) -> None:
        self._depth.set_function(depth)
