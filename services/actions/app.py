"""The web side of the actions service: its routes in the shared frame, and the writers that live as long as it does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from services.actions.api import api_router
from services.actions.challenges import challenges_router
from services.actions.hot_route import HotRoute
from services.actions.news_pages import news_router
from services.actions.ops_bundles import bundles_router
from services.actions.ops_invalidations import invalidations_router
from services.actions.ops_likeness import likeness_router
from services.actions.ops_news import ops_news_router
from services.actions.ops_rules import rules_router
from services.actions.ops_solidarity import solidarity_router
from services.actions.ops_switches import switches_router
from services.actions.pages import FORM_PATH, pages_router
from services.actions.paper_pages import paper_router
from services.actions.post_pages import POSTS_PATH, posts_router
from services.actions.taking_back_pages import taking_back_router
from services.actions.verify_pages import verify_router
from services.actions.wiring import Wiring
from shared.web.app import framed_app
from shared.web.staff import show_way_in


def create_app(wiring: Wiring) -> FastAPI:
    """Its lifespan must run: it starts the writers, and at the end waits until all that was taken is written."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        wiring.commit.start()
        await wiring.switches.refresh()
        try:
            yield
        finally:
            await wiring.commit.drain()

    app = framed_app(
        "Write for Rights: actions",
        wiring.settings,
        pages=wiring.pages,
        checks={"database": wiring.database.ping, "intake": wiring.commit.check},
        registry=wiring.registry,
        lifespan=lifespan,
        forms={FORM_PATH, POSTS_PATH},
        innermost=partial(HotRoute, wiring=wiring),
        load=wiring.load,
    )
    app.include_router(api_router(wiring))
    app.include_router(challenges_router(wiring))
    app.include_router(pages_router(wiring))
    app.include_router(posts_router(wiring))
    app.include_router(paper_router(wiring))
    app.include_router(verify_router(wiring))
    app.include_router(taking_back_router(wiring))
    app.include_router(news_router(wiring))
    app.include_router(likeness_router(wiring))
    app.include_router(invalidations_router(wiring))
    app.include_router(solidarity_router(wiring))
    app.include_router(bundles_router(wiring))
    app.include_router(ops_news_router(wiring))
    app.include_router(switches_router(wiring))
    app.include_router(rules_router(wiring))
    show_way_in(app)
    return app
