"""`/ops/site/reports`: staff look at what organisers of events report, and confirm or refuse each."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.cases.tables import ReportState
from services.cases.wiring import Wiring
from shared.audit import By
from shared.web.problems import FieldError, Problem, invalid

PAGE = "/ops/site/reports"
WHY_CHARACTERS_MAX = 500
DECISIONS = {"confirm": ReportState.CONFIRMED, "refuse": ReportState.REFUSED}

Typed = Annotated[str, Form(max_length=10_000)]


def reports_router(wiring: Wiring) -> APIRouter:
    session, reports = Depends(wiring.staff.require_session), wiring.offline_reports
    router = APIRouter(prefix=PAGE, include_in_schema=False, dependencies=[session])

    async def show(problem: Problem | None = None) -> HTMLResponse:
        rows, count = await reports.waiting()
        status, errors = (problem.status, _errors(problem)) if problem else (200, [])
        return wiring.pages.respond(
            "ops/reports.html", status, reports=rows, count=count, errors=errors, why_max=WHY_CHARACTERS_MAX
        )

    @router.get("")
    async def show_reports() -> HTMLResponse:
        return await show()

    @router.post("/{report_id}", dependencies=[Depends(wiring.staff.require_own_form)])
    async def decide(report_id: UUID, decision: Typed = "", why: Typed = "", who: str = session) -> Response:
        state, words = DECISIONS.get(decision), why.strip()
        try:
            if state is None or not words or len(words) > WHY_CHARACTERS_MAX or not words.isprintable():
                raise invalid([FieldError("why", "Say why, in one line, and confirm or refuse.")])
            await reports.decide(report_id, state, By(who, words))
        except Problem as problem:
            return await show(problem)
        return RedirectResponse(PAGE, 303, headers={"Cache-Control": "no-store"})

    return router


def _errors(problem: Problem) -> list[FieldError]:
    return problem.errors or [FieldError("why", f"{problem.title}. {problem.detail}")]
