"""`/ops/intake/likeness` and `/api/v1/intake/likeness`: how alike letters are, and crowds that dominate. For staff."""

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, Response

from services.actions.crowd_views import CrowdsOut, by_case, read_crowds_seen
from services.actions.likeness import TWIN_LIKENESS_MIN
from services.actions.openapi import STAFF_ANSWERS
from services.actions.wiring import Wiring

API = "/api/v1/intake/likeness"
PAGE = "/ops/intake/likeness"


def likeness_router(wiring: Wiring) -> APIRouter:
    router = APIRouter(tags=["intake"])
    bearer, session = [Depends(wiring.staff.require_bearer)], [Depends(wiring.staff.require_session)]

    @router.get(API, summary="How alike letters are, and who dominates", responses=STAFF_ANSWERS, dependencies=bearer)
    async def get_likeness(response: Response) -> CrowdsOut:
        """By case and target, as last measured, and alarms about one network or mailbox domain."""
        response.headers["Cache-Control"] = "no-store"
        return await read_crowds_seen(wiring.database)

    @router.get(PAGE, include_in_schema=False, dependencies=session)
    async def show_likeness() -> HTMLResponse:
        seen = await read_crowds_seen(wiring.database)
        return wiring.pages.respond(
            "ops/likeness.html",
            open_alarms=[alarm for alarm in seen.alarms if alarm.ended_at is None],
            ended_alarms=[alarm for alarm in seen.alarms if alarm.ended_at],
            cases=by_case(seen.letters),
            sample_letters_max=wiring.settings.likeness_sample_letters_max,
            window_minutes=round(wiring.settings.dominance_window_seconds / 60),
            twin_likeness_min=TWIN_LIKENESS_MIN,
        )

    return router
