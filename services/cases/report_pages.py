"""`/report`: organisers of events tell how many letters were written there. What cannot be taken comes back whole."""

from collections import defaultdict

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.cases.front_views import CaseLine
from services.cases.offline_reports import OfflineReports
from services.cases.reading import Reading
from services.cases.report_form import COUNT_MAX, LINE_CHARACTERS_MAX, NOTE_CHARACTERS_MAX, as_wish, read_form
from services.cases.speaking import front_in
from shared.clock import Clock
from shared.db import DatabaseAway
from shared.languages import N_
from shared.web.pages import Pages
from shared.web.problems import Problem, as_problem, invalid
from shared.web.tongues import tongue_of

REPORT, THANKS = "/report", "/report/thanks"
FORM_FIELDS_MAX = 50
EMPTY = {"count": "", "held_on": "", "place": "", "country": "", "organiser": "", "contact": "", "note": ""}
TRAPPED = N_(
    "A field that is not meant for people came back filled in. We have emptied it: please press send once more."
)


def report_pages(reports: OfflineReports, reading: Reading, pages: Pages, clock: Clock) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get(REPORT)
    async def show_form(request: Request, case: str = "") -> Response:
        return await show(request, EMPTY | {"case": case})

    @router.post(REPORT)
    async def take_report(request: Request) -> Response:
        async with request.form(max_files=0, max_fields=FORM_FIELDS_MAX) as data:
            form = read_form(data)
        try:
            if form["website"]:
                raise invalid([], TRAPPED)
            await reports.take(as_wish(form, clock.now().date()))
        except (Problem, DatabaseAway) as fault:
            return await show(request, form, as_problem(fault))
        return RedirectResponse(tongue_of(request).to(THANKS), 303, headers={"Cache-Control": "no-store"})

    @router.get(THANKS)
    async def show_thanks(request: Request) -> Response:
        return pages.respond("report_thanks.html", tongue=tongue_of(request), path=THANKS)

    async def show(request: Request, form: dict[str, str], problem: Problem | None = None) -> HTMLResponse:
        page = pages.respond(
            "report.html",
            problem.status if problem else 200,
            tongue_of(request),
            form=form,
            problem=problem,
            errors=defaultdict(str, {error.field: error.message for error in problem.errors} if problem else {}),
            cases=await _cases(reading, tongue_of(request).language),
            today=clock.now().date().isoformat(),
            count_max=COUNT_MAX,
            line_max=LINE_CHARACTERS_MAX,
            note_max=NOTE_CHARACTERS_MAX,
            **({} if problem else {"path": REPORT}),
        )
        page.headers.update(problem.headers if problem else {})
        return page

    return router


async def _cases(reading: Reading, language: str) -> tuple[CaseLine, ...]:
    """Those one can have written for. None while they cannot be read: what was typed is shown in any case."""
    try:
        return front_in(language, await reading.front(numbers=False)).cases
    except DatabaseAway:
        return ()
