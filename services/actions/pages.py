"""The pages people see: the form that came back, and the receipt.

A form without errors is answered by a redirect to its receipt (POST, redirect, GET), so a reload sends nothing twice.
With errors, the page comes back with every word in it; refused for now, it also sends itself again.
"""

from collections import defaultdict
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.actions.admission import fit_targets, is_risky_from, reachable
from services.actions.errors import HiddenFieldFilled, UnknownReceipt, WrongType
from services.actions.form import WriteForm, as_request, form_action_id, in_form_words, read_form
from services.actions.intake import accept_action
from services.actions.known_cases import KnownCase
from services.actions.next_case import NextCase, next_case
from services.actions.origins import origin_of
from services.actions.posting import postings_of
from services.actions.receipts import ReceiptView, find_receipt
from services.actions.schemas import ActionRequest
from services.actions.sharing import Sharing, share_case
from services.actions.solidarity import MESSAGE_CHARACTERS_MAX
from services.actions.wiring import Wiring
from shared.db import DatabaseAway
from shared.languages import N_
from shared.messages.cases import CasePublishedV1, Channel, Target
from shared.web.guards import LOG_FIELDS
from shared.web.in_flight import refused_for_now
from shared.web.problems import RETRY_AFTER_SECONDS, Problem, is_person, unavailable
from shared.web.shedding import Feature
from shared.web.tongues import tongue_of

FORM_PATH = "/actions"
FORM_FIELDS_MAX = 200
FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
Server = Annotated[str, Query(max_length=300, description="the reader's own Mastodon server")]
OF_LETTERS = frozenset({Channel.EMAIL, Channel.POST})
FOR_NOW = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
TRAPPED = HiddenFieldFilled().kind
# A receipt's address is its key: it must not leave with a link, nor enter a search engine.
PRIVATE = {"X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"}


def pages_router(wiring: Wiring) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.post(FORM_PATH)
    async def post_form(request: Request) -> Response:
        form = await _read(request)
        if crowded := refused_for_now(request.scope):
            return _ask_to_wait(request, form, crowded, wiring)
        origin = origin_of(request.scope, wiring.own_networks)
        try:
            _refuse_trapped(form, wiring)
            case = await wiring.cases.find(form.case)
            wish = fit_targets(as_request(form), case)
            if needs_advice(form, wish, case):
                return wiring.pages.respond("advice.html", 200, tongue_of(request), form=form)
            receipt = await accept_action(wish, form_action_id(form, wish), wiring.intake, origin)
        except Problem as problem:
            if problem.status in FOR_NOW:
                return _ask_to_wait(request, form, problem, wiring)
            return await _give_back(request, form, in_form_words(problem, form), wiring)
        except DatabaseAway:
            return _ask_to_wait(request, form, unavailable(N_("Letters cannot be kept just now.")), wiring)
        request.scope[LOG_FIELDS] = {"action_id": str(receipt.action_id), "outcome": "accepted"}
        where = tongue_of(request).to(f"/receipts/{receipt.token}")
        return RedirectResponse(where, 303, headers={"Cache-Control": "no-store"})

    @router.get("/receipts/{token}")
    async def show_receipt(request: Request, token: str, server: Server = "") -> HTMLResponse:
        receipt = await find_receipt(token, wiring.database, wiring.clock.now())
        if receipt is None:
            raise UnknownReceipt
        page = wiring.pages.respond(
            "receipt.html",
            tongue=tongue_of(request),
            path=f"/receipts/{token}",
            receipt=receipt,
            sharing=await _sharing(receipt, wiring),
            following=await _following(receipt, tongue_of(request).language, wiring),
            postings=postings_of(receipt, server, wiring.settings.public_url),
            server=server,
        )
        page.headers.update(PRIVATE)
        return page

    return router


def needs_advice(form: WriteForm, wish: ActionRequest, case: KnownCase | None) -> bool:
    """Once for each country: who has read it and chooses another is advised for that one, too."""
    country = wish.supporter.country
    return is_risky_from(country, case) and form.advised.upper() != country


async def _read(request: Request) -> WriteForm:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in FORM_TYPES:
        raise WrongType("application/x-www-form-urlencoded")
    async with request.form(max_files=0, max_fields=FORM_FIELDS_MAX) as data:
        return read_form(data)


def _refuse_trapped(form: WriteForm, wiring: Wiring) -> None:
    """Raises the 422 for a form with the hidden field filled in. Never in silence: a browser's extension may have."""
    if form.website:
        wiring.intake.metrics.honeypot.inc()
        raise HiddenFieldFilled


def _ask_to_wait(request: Request, form: WriteForm, problem: Problem, wiring: Wiring) -> HTMLResponse:
    """The light page that keeps every word and sends it again by itself. It looks nothing up: others need that more.

    Raises the problem for who did not ask for a page: that page's own script is one."""
    request.scope[LOG_FIELDS] = {"outcome": "given_back", "problem": problem.kind}
    if not is_person(request):
        raise problem
    wait_seconds = problem.headers.get("Retry-After", str(RETRY_AFTER_SECONDS))
    page = wiring.pages.respond(
        "wait.html", problem.status, tongue_of(request), form=form, problem=problem, wait_seconds=wait_seconds
    )
    page.headers.update(problem.headers)
    return page


async def _sharing(receipt: ReceiptView, wiring: Wiring) -> Sharing | None:
    """Only what others can still write for; a case that was withdrawn is not to be passed on."""
    if not receipt.case_is_open or await wiring.shedding.sheds(Feature.SHARING):
        return None
    return share_case(receipt.action.case_slug, receipt.case_title, wiring.settings.public_url)


async def _following(receipt: ReceiptView, language: str, wiring: Wiring) -> NextCase | None:
    """Once what they wrote is accepted; and left out rather than waited for."""
    if receipt.status != "accepted":
        return None
    try:
        cases = await wiring.cases.all()
    except DatabaseAway:
        return None
    return next_case(receipt.action.case_slug, cases, language, wiring.clock.now())


async def _give_back(request: Request, form: WriteForm, problem: Problem, wiring: Wiring) -> HTMLResponse:
    """The page with the form on it, as it was filled in, and what to do about it."""
    case = await _case_of(form, wiring)
    page = wiring.pages.respond(
        "message.html" if form.is_message else "write.html",
        problem.status,
        tongue_of(request),
        form=form,
        problem=problem,
        errors=defaultdict(str, {error.field: error.message for error in reversed(problem.errors)}),
        country=form.country.upper(),
        case_title=case.title if case else None,
        channels=[way for way in case.channels if way in OF_LETTERS] if case else (),
        targets=_offered(form, case),
        asks_proof=case is not None and case.protection.proof_of_work,
        message_max=MESSAGE_CHARACTERS_MAX,
        # Not twice: the program that filled it in would do so again, and its person would never get through.
        has_trap=problem.kind != TRAPPED,
    )
    page.headers.update(problem.headers)
    return page


async def _case_of(form: WriteForm, wiring: Wiring) -> CasePublishedV1 | None:
    try:
        known = await wiring.cases.find(form.case)
    except DatabaseAway:
        return None
    return known.snapshot if known else None


def _offered(form: WriteForm, case: CasePublishedV1 | None) -> list[Target]:
    """The targets a person may tick: those of the case that the form's channel reaches."""
    channels = case.channels if case else ()
    channel = next((channel for channel in channels if channel.value == form.channel), None)
    return [target for target in case.targets if reachable(target, channel)] if case and channel else []
