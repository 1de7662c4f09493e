"""Every knob of the actions service, with its unit and a safe default."""

from pydantic import AliasChoices, Field

from shared.settings import Settings


class ActionsSettings(Settings):
    """Read by `wiring.py` alone."""

    database_url: str = Field(
        validation_alias=AliasChoices("database_url", "W4R_ACTIONS_DATABASE_URL"),
        description="the actions service's own database, postgresql+asyncpg://... or sqlite+aiosqlite:///path",
    )
    accept_seconds_max: float = Field(
        default=1.5, gt=0, description="how long a supporter waits for the 202 before a 503 asks to try again, s"
    )
    intake_queue_max: int = Field(
        default=2000, ge=1, description="actions that may wait for a commit in one web process; more get a 503 at once"
    )
    intake_batch_max: int = Field(default=100, ge=1, le=500, description="actions in one commit")
    intake_linger_ms: float = Field(default=3.0, ge=0, description="how long a commit waits for company, ms")
    intake_writers: int = Field(default=2, ge=1, le=10, description="commits under way at once in one web process")
    known_cases_seconds: float = Field(
        default=1.0, ge=0, description="age at which the cases held in memory are looked at again, s"
    )
    known_cases_wait_seconds: float = Field(
        default=0.25, gt=0, description="how long a request waits for that look before the old cases serve, s"
    )
    receipts_batch_max: int = Field(default=200, ge=1, le=1000, description="reports on letters handled in one commit")
    receipts_linger_ms: float = Field(default=50.0, ge=0, description="how long such a batch waits to fill up, ms")
    registrations_batch_max: int = Field(
        default=10, ge=1, le=50, description="reports of up to 500 registered actions handled in one commit"
    )
    reconcile_seconds: float = Field(
        default=60.0, gt=0, description="how often actions that delivery never registered are looked for, s"
    )
    reconcile_grace_seconds: float = Field(
        default=300.0,
        gt=0,
        description="how much later an action that delivery has must be, and known to be there, to prove one lost, s",
    )
    reconcile_batch_max: int = Field(default=1000, ge=1, le=10_000, description="lost actions published again at once")
    reconcile_times_max: int = Field(
        default=5, ge=1, le=100, description="how often one action is published again before it is left to staff"
    )
    reconcile_quiet_seconds: float = Field(
        default=600.0, gt=0, description="delivery registered nothing for so long: then losses are tried on chance, s"
    )
    reconcile_old_seconds: float = Field(
        default=3600.0, gt=0, description="and nothing was published for so long without being registered, s"
    )
