"""The web process of the cases service: public pages and the public API. It never speaks to the bus."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from services.cases.api import case_api
from services.cases.feed_pages import feed_pages
from services.cases.found_pages import found_pages
from services.cases.hot_pages import HotPages
from services.cases.ops_reports import reports_router
from services.cases.ops_switches import switches_router
from services.cases.pages import case_pages
from services.cases.paper_pages import paper_pages
from services.cases.picture_pages import picture_pages
from services.cases.report_pages import report_pages
from services.cases.wiring import Wiring
from shared.web.app import framed_app
from shared.web.shedding import Shedding
from shared.web.staff import show_way_in


def _shed_now(shedding: Shedding) -> tuple[bool, ...]:
    return tuple(shedding.is_shed(feature) for feature in shedding.features)


def create_app(wiring: Wiring) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await wiring.switches.refresh()
        yield
        await wiring.close()

    app = framed_app(
        "Write for Rights: cases",
        wiring.settings,
        pages=wiring.pages,
        checks={"database": wiring.database.ping},
        registry=wiring.registry,
        lifespan=lifespan,
        innermost=partial(
            HotPages,
            clock=wiring.clock,
            seconds=wiring.settings.page_cache_seconds,
            shed=partial(_shed_now, wiring.shedding),
        ),
        load=wiring.load,
    )
    app.include_router(case_api(wiring.reading, wiring.shedding, wiring.live, wiring.settings.public_url))
    app.include_router(case_pages(wiring.reading, wiring.shedding, wiring.pages, wiring.settings.public_url))
    app.include_router(found_pages(wiring.reading, wiring.settings.public_url))
    app.include_router(paper_pages(wiring.reading, wiring.pages, wiring.settings.public_url))
    app.include_router(feed_pages(wiring.reading, wiring.settings.public_url))
    app.include_router(picture_pages(wiring.reading))
    app.include_router(report_pages(wiring.offline_reports, wiring.reading, wiring.pages, wiring.clock))
    app.include_router(reports_router(wiring))
    app.include_router(switches_router(wiring))
    show_way_in(app)
    return app
