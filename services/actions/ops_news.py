"""`/ops/intake/news` and `/api/v1/intake/news`: which updates people are told of by mail, and a stop for each."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict

from services.actions.news_desk import NewsDesk
from services.actions.news_tables import News
from services.actions.openapi import STAFF_ANSWERS
from services.actions.telling_news import NEWS_SWITCH
from services.actions.wiring import Wiring
from shared.audit import By
from shared.web.problems import FieldError, Problem, invalid
from shared.web.staff import forbid_caches

API = "/api/v1/intake/news"
PAGE = "/ops/intake/news"
WHY_CHARACTERS_MAX = 500
FIELD_CHARACTERS_MAX = 10_000

Typed = Annotated[str, Form(max_length=FIELD_CHARACTERS_MAX)]


class NewsOut(BaseModel):
    """`asked`: mails that delivery was asked for. What became of them is delivery's to say."""

    model_config = ConfigDict(from_attributes=True)

    update_id: UUID
    case_slug: str
    state: Literal["telling", "told", "stopped"]
    asked: int
    published_at: AwareDatetime
    next_at: AwareDatetime
    finished_at: AwareDatetime | None
    stopped_because: str | None


class NewsList(BaseModel):
    news: list[NewsOut]


def ops_news_router(wiring: Wiring) -> APIRouter:
    router = APIRouter()
    router.include_router(_api(wiring.news_desk, wiring))
    router.include_router(_pages(wiring.news_desk, wiring))
    return router


def _api(desk: NewsDesk, wiring: Wiring) -> APIRouter:
    router = APIRouter(tags=["intake"], dependencies=[Depends(wiring.staff.require_bearer), Depends(forbid_caches)])

    @router.get(API, summary="Updates that people are told of by mail", responses=STAFF_ANSWERS)
    async def list_news() -> NewsList:
        """The newest first, with how many mails were asked for."""
        return NewsList(news=[NewsOut.model_validate(row) for row in await desk.latest()])

    return router


def _pages(desk: NewsDesk, wiring: Wiring) -> APIRouter:
    session = Depends(wiring.staff.require_session)
    router = APIRouter(prefix=PAGE, include_in_schema=False, dependencies=[session])

    @router.get("")
    async def show_news() -> HTMLResponse:
        return await show()

    @router.post("/{update_id}/stop", dependencies=[Depends(wiring.staff.require_own_form)])
    async def stop_news(update_id: UUID, why: Typed = "", who: str = session) -> Response:
        reason = why.strip()
        try:
            if not 0 < len(reason) <= WHY_CHARACTERS_MAX:
                words = f"Say why, in at most {WHY_CHARACTERS_MAX} characters."
                raise invalid([FieldError(f"why-{update_id}", words)])
            await desk.stop(update_id, By(who, reason))
        except Problem as problem:
            return await show(problem)
        return RedirectResponse(PAGE, 303, headers={"Cache-Control": "no-store"})

    async def show(problem: Problem | None = None) -> HTMLResponse:
        rows: list[tuple[News, str]] = [(row, str(row.content.get("text", ""))) for row in await desk.latest()]
        await wiring.switches.refresh()
        return wiring.pages.respond(
            "ops/news.html",
            problem.status if problem else 200,
            rows=rows,
            problem=problem,
            is_off=wiring.switches.is_off(NEWS_SWITCH),
            now=wiring.clock.now(),
            why_max=WHY_CHARACTERS_MAX,
        )

    return router
