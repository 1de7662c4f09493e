"""Every knob of the cases service, with its unit and a default that is safe."""

from pydantic import AliasChoices, Field

from shared.settings import Settings


class CasesSettings(Settings):
    """Read once by `wiring.build`."""

    database_url: str = Field(
        validation_alias=AliasChoices("database_url", "W4R_CASES_DATABASE_URL"),
        description="this service's database, postgresql+asyncpg://... or sqlite+aiosqlite:///path",
    )
    page_cache_entries_max: int = Field(
        default=512, ge=8, le=100_000, description="rendered pages and answers kept in memory by one web process"
    )
    page_cache_seconds: float = Field(
        default=2.0, ge=0, le=60, description="how long one web process shows what it read from the database, s"
    )
    page_stale_seconds_max: float = Field(
        default=60.0, ge=0, le=600, description="how old a page may be shown while the database is away, s"
    )
    http_cache_seconds: int = Field(
        default=10, ge=0, le=300, description="max-age for browsers and the CDN; a withdrawal shows after it, s"
    )
    http_cache_stale_seconds: int = Field(
        default=20, ge=0, le=300, description="stale-while-revalidate for the CDN, added to max-age, s"
    )
    live_streams_max: int = Field(
        default=500, ge=0, le=20_000, description="pages that one web process tells of new numbers; the others ask"
    )
    live_look_seconds: float = Field(
        default=3.0, gt=0, le=10, description="how often the numbers are looked at for pages that listen, s"
    )
    live_looks_max: int = Field(
        default=40, ge=1, le=10_000, description="looks after which a page that listens is to come again"
    )
    country_count_min: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="actions from a country before the public ledger names it; fewer are summed as ZZ",
    )
    ledger_days_max: int = Field(default=90, ge=1, le=1000, description="days the public ledger lists one by one")
    ledger_batch_max: int = Field(default=500, ge=1, le=2000, description="events counted in one transaction")
    ledger_linger_seconds: float = Field(
        default=0.2, ge=0, le=5, description="how long the ledger waits for a batch to fill, s"
    )
    close_due_seconds: float = Field(
        default=30.0, ge=1, le=3600, description="how often cases are closed whose closing date has passed, s"
    )
