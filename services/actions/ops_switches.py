"""`/ops/intake` and `/api/v1/intake/switches`: whether letters are taken in, and what receipts do without."""

from fastapi import APIRouter

from services.actions.openapi import CHANGING_ANSWERS
from services.actions.wiring import Wiring
from shared.web.switch_routes import switch_api, switch_pages

API = "/api/v1/intake/switches"
PAGE = "/ops/intake"


def switches_router(wiring: Wiring) -> APIRouter:
    router = APIRouter()
    router.include_router(switch_api(API, wiring.switchboard, wiring.staff, CHANGING_ANSWERS))
    router.include_router(switch_pages(PAGE, "ops/switches.html", wiring.switchboard, wiring.staff, wiring.pages))
    return router
