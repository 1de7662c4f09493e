"""`/ops/site` and `/api/v1/site/switches`: what the public pages do without."""

from typing import Any

from fastapi import APIRouter

from services.cases.wiring import Wiring
from shared.web.switch_routes import switch_api, switch_pages

API = "/api/v1/site/switches"
PAGE = "/ops/site"
ANSWERS: dict[int | str, dict[str, Any]] = {
    401: {"description": "Not the staff token (`not-staff`)"},
    404: {"description": "There is no such switch (`unknown-switch`); without a staff token, nothing here"},
    422: {"description": "Fields that cannot be taken, each named (`invalid-fields`)"},
    503: {"description": "The database is away (`unavailable`): nothing was turned"},
}


def switches_router(wiring: Wiring) -> APIRouter:
    router = APIRouter()
    router.include_router(switch_api(API, wiring.switchboard, wiring.staff, ANSWERS))
    router.include_router(switch_pages(PAGE, "ops/site.html", wiring.switchboard, wiring.staff, wiring.pages))
    return router
