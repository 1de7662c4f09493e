"""What every service can be told from outside. Each service's own `settings.py` adds its knobs.

Names in the environment are `W4R_` and the field in capitals. A default is safe or absent; no secret has one.
"""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.crash_points import CrashPoint


class Settings(BaseSettings):
    """Read once, at the start, by `wiring.py`; given to everything else."""

    # A wrong value is named by its field alone: it may be a password.
    model_config = SettingsConfigDict(
        env_prefix="W4R_", frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )

    amqp_url: str | None = Field(default=None, description="RabbitMQ, as amqp://user:password@host:port/vhost")
    public_url: str = Field(
        default="http://localhost:8000",
        pattern=r"^https?://[\x21-\x7e]+$",
        description="where supporters see the site, a domain in another script as xn--...; receipts link there",
    )
    leave_url: str = Field(
        default="https://www.wikipedia.org/",
        description="where the link to leave quickly leads: a site that tells nothing of who was here",
    )
    staff_token: SecretStr | None = Field(
        default=None, min_length=16, description="what staff log in with; unset: nothing below /ops exists"
    )
    http_host: str = Field(default="127.0.0.1", description="address a web process listens on")
    http_port: int = Field(default=8000, ge=0, le=65535, description="port a web process listens on")
    health_port: int | None = Field(
        default=None, description="port for health and metrics of a worker, sender or relay; unset: none"
    )
    trusted_proxies: str = Field(
        default="127.0.0.1", description="addresses, comma separated, whose X-Forwarded-* headers are believed"
    )
    requests_in_flight_max: int = Field(
        default=1000, ge=1, description="requests one web process answers at once; more get a 503 at once"
    )
    client_requests_in_flight_max: int = Field(
        default=50,
        ge=1,
        description="of those, for one client address (IPv6: one /64), proxies of ours apart; more get a 429",
    )
    forms_given_back_in_flight_max: int = Field(
        default=50,
        ge=0,
        description="refused forms one web process reads at once, only to give people their words back",
    )
    body_seconds_max: float = Field(
        default=30.0, gt=0, description="how long the body of a request may take to arrive before a 408, s"
    )
    log_level: str = Field(default="info", description="debug, info, warning or error")
    stop_seconds_max: int = Field(default=20, ge=1, description="how long a stopping process may finish what it has, s")
    background_nice: int = Field(
        default=10,
        ge=0,
        le=19,
        description="niceness of workers, senders and relays: on a busy machine they give way to web processes",
    )
    crash_at: CrashPoint | None = Field(
        default=None, description="for tests alone: the moment at which the process dies, see `shared/crash_points.py`"
    )
    database_pool_size: int = Field(default=10, ge=1, le=100, description="connections to the database per process")
