"""What a target's row says under a policy. Pure."""

from datetime import datetime
from typing import Any

from services.delivery.working_hours import next_bundle_at
from shared.delivery_policy import BUNDLING, DeliveryPolicy


def planned_by(policy: DeliveryPolicy | None, now: datetime) -> dict[str, Any]:
    """None: the default one. Who wants bundles is open when the next one is made."""
    is_bundled = policy is not None and policy.mode in BUNDLING
    return {
        "policy": policy.model_dump(mode="json") if policy else None,
        "is_bundled": is_bundled,
        "open_at": next_bundle_at(policy, now) if policy and is_bundled else now,
        "hour_tat": None,
    }
