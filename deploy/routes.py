"""Which service answers which path: the one table that the gateway and the embedded app both follow."""

from dataclasses import dataclass
from enum import StrEnum

from shared.web.tongues import without_language


class Service(StrEnum):
    CASES = "cases"
    ACTIONS = "actions"
    DELIVERY = "delivery"


@dataclass(frozen=True)
class Route:
    """Every path that is `prefix` or lies below it belongs to `service`."""

    prefix: str
    service: Service

    def holds(self, path: str) -> bool:
        return path == self.prefix or path.startswith(f"{self.prefix}/")


# The first that holds a path has it.
ROUTES = (
    Route("/ops/intake", Service.ACTIONS),
    Route("/ops/site", Service.CASES),
    Route("/ops", Service.DELIVERY),
    Route("/api/v1/letters", Service.DELIVERY),
    Route("/api/v1/delivery", Service.DELIVERY),
    Route("/actions", Service.ACTIONS),
    Route("/api/v1/actions", Service.ACTIONS),
    Route("/api/v1/intake", Service.ACTIONS),
    Route("/api/v1/site", Service.CASES),
    Route("/pictures", Service.CASES),
    Route("/posts", Service.ACTIONS),
    Route("/api/v1/posts", Service.ACTIONS),
    Route("/receipts", Service.ACTIONS),
    Route("/verify", Service.ACTIONS),
    Route("/unsubscribe", Service.ACTIONS),
    Route("/api/v1/receipts", Service.ACTIONS),
)
EVERYTHING_ELSE = Service.CASES

# For orchestrators and Prometheus, which reach the processes themselves. Never shown to the outside.
HIDDEN = ("/health", "/metrics")


def service_for(path: str) -> Service:
    """The service that answers `path`, in whichever language."""
    path, _ = without_language(path)
    return next((route.service for route in ROUTES if route.holds(path)), EVERYTHING_ELSE)
