"""`/api/v1/cases`: cases and their public numbers, for partners, apps and the page's own live counter."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.cases.answers import JSON
from services.cases.reading import Reading
from services.cases.schemas import CaseList, CaseShown, LedgerShown, show_case, show_ledger, show_list

READ = ["GET", "HEAD"]
PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"description": "There is no such case (`unknown-case`)"},
    410: {"description": "The case was withdrawn (`case-withdrawn`)"},
}


def case_api(reading: Reading, public_url: str) -> APIRouter:
    """Answers are bytes from memory wherever possible; the models are what they promise."""
    router = APIRouter(prefix="/api/v1/cases", tags=["cases"])

    @router.api_route("", methods=READ, response_model=CaseList, operation_id="list_cases")
    async def list_cases(request: Request) -> Response:
        """Every case of the campaign that is public now."""
        front = await reading.front()
        return await reading.answer(
            request, front, "json", lambda: show_list(front, public_url).model_dump_json(), JSON
        )

    @router.api_route("/{slug}", methods=READ, response_model=CaseShown, responses=PROBLEMS, operation_id="get_case")
    async def get_case(request: Request, slug: str) -> Response:
        """One case: story, demands, targets, letters, updates."""
        case = await reading.case(slug)
        return await reading.answer(request, case, "json", lambda: show_case(case, public_url).model_dump_json(), JSON)

    @router.api_route(
        "/{slug}/ledger", methods=READ, response_model=LedgerShown, responses=PROBLEMS, operation_id="get_ledger"
    )
    async def get_ledger(request: Request, slug: str) -> Response:
        """The public numbers of one case."""
        case = await reading.case(slug)
        return await reading.answer(request, case, "ledger", lambda: show_ledger(case.ledger).model_dump_json(), JSON)

    return router
