"""Every knob of the actions service, with its unit and a safe default."""

from pydantic import AliasChoices, Field, SecretStr

from services.actions.rate_limits import LimitsText
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
    intake_linger_ms: float = Field(default=0.0, ge=0, description="how long a commit waits for company, ms")
    intake_writers: int = Field(default=2, ge=1, le=10, description="commits under way at once in one web process")
    known_cases_seconds: float = Field(
        default=1.0, ge=0, description="age at which the cases held in memory are looked at again, s"
    )
    known_cases_wait_seconds: float = Field(
        default=0.25, gt=0, description="how long a request waits for that look before the old cases serve, s"
    )
    keep_network_hours: float = Field(
        default=72.0, gt=0, description="how long it is known from which network an action came, h"
    )
    rate_per_network: LimitsText = Field(
        default="600/minute;10000/hour",
        description="attempts to act from one network (IPv4 /24, IPv6 /48), all processes together; more get a 429; "
        "empty: no limit",
    )
    rate_per_mailbox: LimitsText = Field(
        default="20/hour;60/day", description="the same for one mailbox, however its address is written"
    )
    rate_per_case: LimitsText = Field(default="", description="the same for one case, from everybody together")
    receipts_batch_max: int = Field(default=200, ge=1, le=1000, description="reports on letters handled in one commit")
    receipts_linger_ms: float = Field(default=50.0, ge=0, description="how long such a batch waits to fill up, ms")
    verify_hours: float = Field(
        default=72.0,
        gt=0,
        le=720,
        description="where a campaign verifies mailboxes: how long the link in the mail confirms, h",
    )
    verify_mails_max: int = Field(
        default=3, ge=1, le=10, description="mails with the link for one action, the reminder not counted"
    )
    verify_mail_seconds_min: float = Field(default=300.0, ge=0, description="time between two mails for one action, s")
    verify_reminder_hours: float = Field(
        default=24.0, gt=0, description="after which who has not confirmed is reminded, once, h"
    )
    news_wait_seconds: float = Field(
        default=300.0, ge=0, description="time for second thoughts before people are told by mail of an update, s"
    )
    news_per_minute: int = Field(
        default=1000, ge=1, le=6000, description="mails with news of one update that are asked for in a minute"
    )
    likeness_seconds: float = Field(
        default=180.0, gt=0, description="how often new letters are counted and compared, s"
    )
    likeness_sample_letters_max: int = Field(
        default=300, ge=2, le=1000, description="newest letters of a case to one target that are compared"
    )
    dominance_window_seconds: float = Field(
        default=600.0,
        gt=0,
        description="the latest actions are those of so long; one network must not dominate them, s",
    )
    dominance_actions_min: int = Field(
        default=50, ge=1, description="actions of one network or mailbox domain before there is an alarm"
    )
    dominance_share_min: float = Field(
        default=0.3, gt=0, le=1, description="share of a case's latest actions before there is an alarm"
    )
    dominance_times_earlier_min: float = Field(
        default=3.0, ge=1, description="so many times its share of the day before, too"
    )
    dominance_share_min_unknown: float = Field(
        default=0.5, gt=0, le=1, description="share that is enough where the day before tells nothing"
    )
    proof_secret: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="signs challenges for proof of work; unset: in campaigns that ask for one nothing is proven",
    )
    proof_max_number: int = Field(
        default=200_000,
        ge=1,
        le=10_000_000,
        description="hashes a proof of work takes at most, half of it on average; a cheap phone does 100,000 a second",
    )
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
