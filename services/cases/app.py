"""The web process of the cases service: public pages and the public API. It never speaks to the bus."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.cases.api import case_api
from services.cases.pages import case_pages
from services.cases.wiring import Wiring
from shared.web.app import framed_app


def create_app(wiring: Wiring) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await wiring.close()

    app = framed_app(
        "Write for Rights: cases",
        wiring.settings,
        pages=wiring.pages,
        checks={"database": wiring.database.ping},
        registry=wiring.registry,
        lifespan=lifespan,
    )
    app.include_router(case_api(wiring.reading, wiring.settings.public_url))
    app.include_router(case_pages(wiring.reading, wiring.pages))
    return app
