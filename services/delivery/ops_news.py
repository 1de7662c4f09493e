"""`/ops/news` and `/api/v1/delivery/news`: what became of the mails that tell of an update."""

from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.delivery.news_desk import COUNTED_MAX
from services.delivery.states import LetterState
from services.delivery.wiring import Wiring
from shared.web.staff import forbid_caches

API = "/api/v1/delivery/news"
PAGE = "/ops/news"


class NewsCountsOut(BaseModel):
    """The mails of one update."""

    model_config = ConfigDict(from_attributes=True)

    update_id: UUID
    case_slug: str
    first_at: AwareDatetime = Field(description="when the first of them was planned")
    counts: dict[LetterState, int] = Field(description=f"by state; {COUNTED_MAX} in all means at least so many")


class NewsCountsList(BaseModel):
    news: list[NewsCountsOut]


def news_pages(wiring: Wiring) -> APIRouter:
    router = APIRouter()

    @router.get(
        API,
        summary="News by mail, by update",
        tags=["delivery"],
        dependencies=[Depends(wiring.staff.require_bearer), Depends(forbid_caches)],
    )
    async def list_news() -> NewsCountsList:
        """The newest updates first."""
        return NewsCountsList(news=[NewsCountsOut.model_validate(one) for one in await wiring.news.latest()])

    @router.get(PAGE, include_in_schema=False, dependencies=[Depends(wiring.staff.require_session)])
    async def show_news() -> HTMLResponse:
        return wiring.pages.respond(
            "ops/news.html", updates=await wiring.news.latest(), states=list(LetterState), counted_max=COUNTED_MAX
        )

    return router
