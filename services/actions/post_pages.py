"""`POST /posts`, from the form on a case's page, and `POST /api/v1/posts`: both count a post, and give its receipt.

Everybody's form is the same and most leave the text as it is, so nothing in it tells two supporters apart from one who
pressed twice: each press of the button counts, within the limits on one network. By the API a key does tell.
"""

from collections import defaultdict
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.datastructures import FormData

from services.actions.errors import HiddenFieldFilled, NotJson, WrongType
from services.actions.hot_route import read_key
from services.actions.intake import Receipt, accept_action
from services.actions.openapi import ACTION_ANSWERS, POST_SENT
from services.actions.origins import origin_of
from services.actions.pages import FORM_FIELDS_MAX, FORM_TYPES
from services.actions.posting import POST_REQUEST, TEXT_CHARACTERS_MAX, PostRequest
from services.actions.proofs import PROOF_CHARACTERS_MAX
from services.actions.schemas import explain
from services.actions.wiring import Wiring
from shared.db import DatabaseAway
from shared.messages.envelope import derived_id
from shared.posts.networks import NAMES
from shared.web.guards import LOG_FIELDS
from shared.web.problems import Problem, as_problem, invalid
from shared.web.tongues import tongue_of

POSTS_PATH, POSTS_API = "/posts", "/api/v1/posts"
FIELDS = ("case", "network", "text", "language", "proof", "website")


def posts_router(wiring: Wiring) -> APIRouter:
    router = APIRouter(tags=["actions"])

    @router.post(POSTS_API, summary="Post in public", responses=ACTION_ANSWERS, openapi_extra=POST_SENT)
    async def post_by_api(request: Request) -> JSONResponse:
        """Counts a post and returns its receipt, whose page opens the network's composer. The same key and body again
        get the same answer."""
        key = read_key(request.headers.get("idempotency-key"))
        wish = _read_json(request.headers.get("content-type", ""), await request.body())
        receipt = await _accept(wish, derived_id("action", "api", key), request, wiring)
        url = f"{wiring.settings.public_url.rstrip('/')}/receipts/{receipt.token}"
        told = {"id": str(receipt.action_id), "status": "accepted", "receipt": url}
        return JSONResponse(told, 202, {"Location": url, "Cache-Control": "no-store"})

    @router.post(POSTS_PATH, include_in_schema=False)
    async def post_by_form(request: Request) -> Response:
        form = await _read_form(request)
        try:
            if form["website"]:
                raise HiddenFieldFilled
            receipt = await _accept(_as_request(form), uuid4(), request, wiring)
        except (Problem, DatabaseAway) as fault:
            return await _give_back(request, form, as_problem(fault), wiring)
        return RedirectResponse(
            tongue_of(request).to(f"/receipts/{receipt.token}"), 303, headers={"Cache-Control": "no-store"}
        )

    return router


async def _accept(wish: PostRequest, action_id: UUID, request: Request, wiring: Wiring) -> Receipt:
    origin = origin_of(request.scope, wiring.own_networks)
    receipt = await accept_action(wish.as_action(), action_id, wiring.intake, origin)
    request.scope[LOG_FIELDS] = {"action_id": str(receipt.action_id), "outcome": "accepted"}
    return receipt


def _read_json(content_type: str, body: bytes) -> PostRequest:
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise WrongType("application/json")
    try:
        return POST_REQUEST.validate_json(body)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        if errors[0]["type"] == "json_invalid":
            raise NotJson from None
        raise invalid(explain(errors)) from None


async def _read_form(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in FORM_TYPES:
        raise WrongType("application/x-www-form-urlencoded")
    async with request.form(max_files=0, max_fields=FORM_FIELDS_MAX) as data:
        return {name: _text(data, name) for name in FIELDS}


def _text(data: FormData, name: str) -> str:
    value = data.get(name, "")
    return value if isinstance(value, str) else ""


def _as_request(form: dict[str, str]) -> PostRequest:
    """Raises the 422 that says which fields cannot be taken."""
    values: dict[str, Any] = {name: form[name] for name in ("case", "network", "text", "language")}
    try:
        return POST_REQUEST.validate_python(values | {"proof": form["proof"][:PROOF_CHARACTERS_MAX] or None})
    except ValidationError as error:
        raise invalid(explain(error.errors(include_url=False))) from None


async def _give_back(request: Request, form: dict[str, str], problem: Problem, wiring: Wiring) -> Response:
    """The page with every word on it, and what to do about it."""
    try:
        known = await wiring.cases.find(form["case"])
    except DatabaseAway:
        known = None
    case = known.snapshot if known else None
    page = wiring.pages.respond(
        "post.html",
        problem.status,
        tongue_of(request),
        form=form,
        problem=problem,
        errors=defaultdict(str, {error.field: error.message for error in reversed(problem.errors)}),
        case_title=case.title if case else None,
        asks_proof=case is not None and case.protection.proof_of_work,
        networks=NAMES,
        text_max=TEXT_CHARACTERS_MAX,
    )
    page.headers.update(problem.headers)
    return page
