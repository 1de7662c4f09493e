"""The web process of delivery: the operator's console and its API, in the shared frame."""

from fastapi import FastAPI

from services.delivery.api import api_router
from services.delivery.dead_letters import dead_letters_api
from services.delivery.ops_bundles import bundles_router
from services.delivery.ops_groups import groups_pages
from services.delivery.ops_incoming import incoming_pages
from services.delivery.ops_news import news_pages
from services.delivery.ops_overview import overview_pages
from services.delivery.ops_posts import announcements_router
from services.delivery.pages import install_pages
from services.delivery.steering_api import steering_api
from services.delivery.wiring import Wiring
from shared.web.app import framed_app
from shared.web.style_guide import style_pages


def create_app(wiring: Wiring) -> FastAPI:
    app = framed_app(
        "Write for Rights: delivery",
        wiring.settings,
        pages=wiring.pages,
        checks={"database": wiring.database.ping},
        registry=wiring.registry,
    )
    app.include_router(announcements_router(wiring))
    app.include_router(api_router(wiring))
    app.include_router(steering_api(wiring))
    app.include_router(dead_letters_api(wiring))
    app.include_router(bundles_router(wiring))
    app.include_router(overview_pages(wiring))
    app.include_router(incoming_pages(wiring))
    app.include_router(news_pages(wiring))
    app.include_router(groups_pages(wiring))
    app.include_router(style_pages(wiring.staff, wiring.pages))
    install_pages(app, wiring)
    return app
