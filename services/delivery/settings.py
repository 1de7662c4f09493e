"""Every knob of delivery, with its unit and default. The only place that reads the environment."""

from datetime import timedelta
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr, model_validator

from services.delivery.destinations import Bearing
from services.delivery.outcomes import SendPolicy, UncertainPolicy
from shared.delivery_policy import BUNDLING, DeliveryPolicy
from shared.settings import Settings


class DeliverySettings(Settings):
    """Give either `smtp_url` or `letters_folder`: one decides where letters go."""

    database_url: str = Field(
        validation_alias=AliasChoices("database_url", "W4R_DELIVERY_DATABASE_URL"),
        description="delivery's own database, postgresql+asyncpg://... or sqlite+aiosqlite:///path",
    )
    mail_from: str = Field(
        default="Write for Rights <letters@writeforrights.example>",
        description="the campaign's own name and address, From of every letter",
    )
    dkim_keys: dict[str, Path] = Field(
        default={}, description="files of keys that sign mail, by selector, as JSON: RSA in PEM, or from `dkim-key`"
    )
    dkim_selector: str | None = Field(default=None, description="the selector whose key signs; unset: we do not sign")
    smtp_url: SecretStr | None = Field(
        default=None,
        description="the smarthost, smtp://user:password@host:port, or smtps:// for TLS from the start; several with "
        "spaces between, ?weight=2 for one that takes twice as much",
    )
    smtp_tls_required: bool = Field(
        default=False, description="send nothing over smtp:// unless the smarthost offers STARTTLS"
    )
    smtp_ca_file: Path | None = Field(default=None, description="certificates to trust besides the system's, PEM")
    smtp_connections_max: int = Field(default=20, ge=1, le=500, description="connections to each smarthost per sender")
    smtp_letters_per_connection_max: int = Field(default=100, ge=1, description="then the connection is closed")
    smtp_command_seconds_max: float = Field(
        default=300, gt=0, le=300, description="wait for the answer to one SMTP command, s (RFC 5321: 300)"
    )
    smtp_dot_seconds_max: float = Field(
        default=600, gt=0, le=900, description="wait for the answer to a whole letter, s (RFC 5321: 600)"
    )
    home_mailbox: str | None = Field(
        default=None,
        description="a mailbox of ours whose plus-addresses reach the `inbound` process: bounces and answers come home",
    )
    home_secret: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="makes those addresses unguessable; changed, older letters' are unknown",
    )
    home_host: str = Field(default="127.0.0.1", description="address the `inbound` process listens on, inside")
    home_port: int = Field(default=2525, ge=0, le=65535, description="port it listens on for SMTP")
    letters_folder: Path | None = Field(default=None, description="write letters here as .eml files, send none")
    bundles_folder: Path | None = Field(
        default=None, description="drop bundles for paper here as PDF with a manifest, for whoever prints them"
    )
    mastodon_url: str | None = Field(
        default=None, description="the server of the campaign's Mastodon account, https://..."
    )
    mastodon_token: SecretStr | None = Field(
        default=None, description="that account's access token, scope write:statuses"
    )
    bluesky_url: str | None = Field(
        default=None, description="the server of the campaign's Bluesky account, https://..."
    )
    bluesky_handle: str | None = Field(default=None, description="that account's handle, such as campaign.example")
    bluesky_password: SecretStr | None = Field(default=None, description="an app password of that account")
    deferral_seconds: tuple[float, ...] = Field(
        default=(60, 300, 900, 1800, 3600, 7200, 14400),
        min_length=1,
        description="waits of a letter the other side put off, s, as a JSON list; the last one repeats",
    )
    target_policy: DeliveryPolicy | None = Field(
        default=None,
        description="of targets without a policy of their own, as JSON; unset: single, 5,000 a day at most",
    )
    destination_letters_at_once_max: int = Field(
        default=100,
        ge=1,
        description="letters and other mail in the air to one mail provider or domain, all senders",
    )
    destination_rest_seconds: float = Field(
        default=30, gt=0, description="first rest of a destination that asked for less, twice as long each time, s"
    )
    host_wait_seconds: float = Field(default=60, gt=0, description="wait of a letter whose host was at fault, s")
    uncertain_wait_seconds: float = Field(
        default=900, gt=0, description="wait before anything is done about a letter without an answer, s"
    )
    uncertain_policy: UncertainPolicy = Field(
        default=UncertainPolicy.RESEND, description="then: resend (with the same Message-ID) or hold (for an operator)"
    )
    lease_seconds: float = Field(
        default=60, gt=0, description="a sender silent for so long is taken for dead, its letters for uncertain, s"
    )
    sweep_seconds: float = Field(
        default=5, gt=0, description="how often lapsed, uncertain and expired ones are seen to, s"
    )

    @model_validator(mode="after")
    def _one_way_out(self) -> "DeliverySettings":
        if self.smtp_url and self.letters_folder:
            raise ValueError("give W4R_SMTP_URL or W4R_LETTERS_FOLDER, not both")
        if self.target_policy and self.target_policy.mode in BUNDLING:
            raise ValueError("W4R_TARGET_POLICY must send one mail a letter; bundles are for targets one by one")
        if bool(self.home_mailbox) != bool(self.home_secret):
            raise ValueError("give both W4R_HOME_MAILBOX and W4R_HOME_SECRET, or none of them")
        return self

    def send_policy(self) -> SendPolicy:
        return SendPolicy(
            deferrals=tuple(timedelta(seconds=seconds) for seconds in self.deferral_seconds),
            host_wait=timedelta(seconds=self.host_wait_seconds),
            uncertain_wait=timedelta(seconds=self.uncertain_wait_seconds),
            uncertain=self.uncertain_policy,
        )

    def default_policy(self) -> DeliveryPolicy:
        return self.target_policy or DeliveryPolicy()

    def bearing(self) -> Bearing:
        return Bearing(self.destination_letters_at_once_max, timedelta(seconds=self.destination_rest_seconds))
