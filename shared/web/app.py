"""The frame of a service's web process; each service's `app.py` puts its routes in."""

from collections.abc import Callable, Container, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from shared.settings import Settings
from shared.web.bodies import LimitBody
from shared.web.guards import Observe, SecurityHeaders
from shared.web.heads import LimitHead
from shared.web.health import Check, health_router
from shared.web.in_flight import LimitInFlight, Load, crowd_of
from shared.web.pages import Pages, Static
from shared.web.problems import install_problems
from shared.web.refusals import Refusals
from shared.web.tongues import SpeakLanguage

# `Observe` traces and measures each request once. FastAPI's own tracing makes several spans for each, which took a
# third of an accepted action, and its logs hold the values of what people typed.
NO_FRAMEWORK_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}


def framed_app(
    title: str,
    settings: Settings,
    *,
    pages: Pages,
    checks: Mapping[str, Check],
    registry: CollectorRegistry,
    lifespan: Any = None,
    forms: Container[str] = (),
    innermost: Callable[[ASGIApp], ASGIApp] | None = None,
    load: Load | None = None,
) -> FastAPI:
    """FastAPI with problems, pages for people, guards, health, metrics and the shared static files.

    `forms` are the paths where people post long texts; their routes give back what `refused_for_now` tells of.
    `innermost` stands inside all guards and before FastAPI's routes. `load` is kept true for whoever else wants to know
    how full this process is."""
    app = FastAPI(
        title=title, version="1", lifespan=lifespan, docs_url=None, redoc_url=None, telemetry=NO_FRAMEWORK_TELEMETRY
    )
    install_problems(app, pages.show_problem)
    app.include_router(health_router(checks, registry))
    app.mount("/static", Static(), name="static")
    refusals = Refusals(registry, pages.show_problem)
    if innermost:
        app.add_middleware(innermost)
    # The last added stands first. What is refused for a crowd costs no trace and no log line, only a count.
    app.add_middleware(LimitBody, refusals=refusals, seconds_max=settings.body_seconds_max, forms=forms)
    app.add_middleware(Observe, registry=registry)
    app.add_middleware(LimitHead, refusals=refusals)
    app.add_middleware(LimitInFlight, crowd=crowd_of(settings), refusals=refusals, forms=forms, load=load)
    app.add_middleware(SpeakLanguage)
    app.add_middleware(SecurityHeaders)
    return app
