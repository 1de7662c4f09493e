"""`/api/v1/cases`: cases and their public numbers, for partners, apps and the page's own live counter."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import AfterValidator, BeforeValidator

from services.cases.answers import JSON, make_answer, respond
from services.cases.errors import NumbersRest, SearchRests
from services.cases.filtering import Wish, fits
from services.cases.issues import Issue
from services.cases.live_counts import LiveCounts
from services.cases.reading import Reading
from services.cases.schemas import (
    CaseList,
    CaseShown,
    CountShown,
    LedgerShown,
    show_case,
    show_count,
    show_ledger,
    show_list,
)
from services.cases.views import CaseView, Counts
from shared.db import DatabaseAway
from shared.languages.formats import is_language
from shared.web.clients import client_of
from shared.web.in_flight import leave_the_crowd
from shared.web.problems import Problem
from shared.web.shedding import Feature, Shedding

READ = ["GET", "HEAD"]
PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"description": "There is no such case (`unknown-case`)"},
    410: {"description": "The case was withdrawn (`case-withdrawn`)"},
}


NUMBERS = PROBLEMS | {503: {"description": "Numbers are not shown for a moment (`numbers-rest`)"}}
RESTING = make_answer(CountShown(live=False).model_dump_json(), JSON)
COUNT_SECONDS_MAX = 5
STREAMED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
NARROWED: dict[int | str, dict[str, Any]] = {
    422: {"description": "A filter is not written as it must be (`invalid-fields`)"},
    503: {"description": "Lists are not narrowed for a moment (`search-rests`)"},
}


def _tag(text: str) -> str:
    if text and not is_language(text):
        raise ValueError("must be a language tag (BCP 47), for example ur or pt-BR")
    return text


def _none_if_empty(text: str) -> str | None:
    return text or None


AskedCountry = Annotated[str, Query(pattern="^([A-Z]{2})?$", description="ISO 3166-1 alpha-2, as `PK`; empty: any")]
AskedIssue = Annotated[
    Issue | None, Query(description="one word of the vocabulary; empty: any"), BeforeValidator(_none_if_empty)
]
AskedLanguage = Annotated[
    str, Query(max_length=20, description="a letter to start from is in it, BCP 47; empty: any"), AfterValidator(_tag)
]


def case_api(reading: Reading, shedding: Shedding, live: LiveCounts, public_url: str) -> APIRouter:
    """Answers are bytes from memory wherever possible; the models are what they promise."""
    router = APIRouter(prefix="/api/v1/cases", tags=["cases"])

    @router.api_route("", methods=READ, response_model=CaseList, responses=NARROWED, operation_id="list_cases")
    async def list_cases(
        request: Request, country: AskedCountry = "", issue: AskedIssue = None, language: AskedLanguage = ""
    ) -> Response:
        """Every case of the campaign that is public now, or those that fit every filter."""
        wish = Wish(country=country, issue=issue or "", letter=language)
        if wish.narrows and await shedding.sheds(Feature.SEARCH):
            raise SearchRests
        front = await reading.front()
        cases = tuple(case for case in front.cases if fits(wish, case))
        return await reading.answer(
            request,
            front,
            # However many ways there are to find nothing, they share one answer.
            ("json", wish if cases else None),
            lambda: show_list(front, cases, public_url).model_dump_json(),
            JSON,
            memory=reading.searches if wish.narrows else None,
        )

    @router.api_route("/{slug}", methods=READ, response_model=CaseShown, responses=PROBLEMS, operation_id="get_case")
    async def get_case(request: Request, slug: str) -> Response:
        """One case: story, demands, targets, letters, updates."""
        case = await reading.case(slug)
        return await reading.answer(request, case, "json", lambda: show_case(case, public_url).model_dump_json(), JSON)

    @router.api_route(
        "/{slug}/ledger", methods=READ, response_model=LedgerShown, responses=NUMBERS, operation_id="get_ledger"
    )
    async def get_ledger(request: Request, slug: str) -> Response:
        """The public numbers of one case."""
        if await shedding.sheds(Feature.COUNTERS):
            raise NumbersRest
        ledger = await reading.ledger(slug)
        return await reading.answer(request, ledger, "ledger", lambda: show_ledger(ledger).model_dump_json(), JSON)

    @router.api_route(
        "/{slug}/count", methods=READ, response_model=CountShown, responses=NUMBERS, operation_id="get_count"
    )
    async def get_count(request: Request, slug: str) -> Response:
        """The two numbers that the page of a case keeps fresh. Made to be asked often, by many."""
        if await shedding.sheds(Feature.COUNTERS):
            return respond(request, RESTING, reading.cache_control(COUNT_SECONDS_MAX))
        case = await reading.case(slug)
        totals = numbers_of(case)
        return await reading.answer(
            request,
            case,
            "count",
            lambda: show_count(totals).model_dump_json(),
            JSON,
            cache_seconds_max=COUNT_SECONDS_MAX,
        )

    @router.get("/{slug}/count/stream", include_in_schema=False)
    async def stream_count(request: Request, slug: str) -> Response:
        """The same, told when it changes, to the page of a case. 204 where it should rather ask now and then."""
        await reading.case(slug, numbers=False)
        client = client_of(request.scope)
        if not live.has_room(client):
            return Response(status_code=204, headers={"Cache-Control": "no-store"})

        told = ""

        async def read() -> str:
            nonlocal told
            try:
                totals = None if await shedding.sheds(Feature.COUNTERS) else (await reading.case(slug)).totals
                told = (show_count(totals) if totals else CountShown(live=False)).model_dump_json()
            except DatabaseAway:
                pass  # for a moment: the last numbers stay
            except Problem:
                told = CountShown(live=False).model_dump_json()
            return told

        leave_the_crowd(request.scope)
        return StreamingResponse(live.listen(client, read), media_type="text/event-stream", headers=STREAMED)

    return router


def numbers_of(case: CaseView) -> Counts:
    """Raises `NumbersRest` when the database is away and the case in memory was read without them."""
    if case.totals is None:
        raise NumbersRest
    return case.totals
