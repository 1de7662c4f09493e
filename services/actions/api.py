"""The API: `POST /api/v1/actions`, the hot route, and the receipt as JSON.

The hot route takes bytes and gives bytes. FastAPI's own parsing and serialising cost a third of a request, so they
are left out, and what they would have documented is said in `openapi_extra` and `responses`.
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from services.actions.errors import KeyMalformed, KeyMissing, NotJson, UnknownReceipt, WrongType
from services.actions.intake import Receipt, accept_action
from services.actions.receipts import find_receipt
from services.actions.schemas import ACTION_REQUEST, Accepted, ActionRequest, explain
from services.actions.wiring import Wiring
from shared.messages.envelope import derived_id
from shared.web.guards import LOG_FIELDS
from shared.web.problems import invalid

KEY_CHARACTERS_MAX = 255
PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


def api_router(wiring: Wiring) -> APIRouter:
    router = APIRouter(tags=["actions"])

    @router.post(
        "/api/v1/actions",
        summary="Act on a case",
        status_code=202,
        response_class=Response,
        response_model=None,
        responses=RESPONSES,
        openapi_extra=_documented(),
    )
    async def post_action(request: Request) -> Response:
        """Returns once the action is on disk. The same key and body again get the same answer, as often as you like."""
        key = _key_of(request)
        wish = _read(request.headers.get("content-type", ""), await request.body())
        receipt = await accept_action(wish, derived_id("action", "api", key), wiring.intake)
        request.scope[LOG_FIELDS] = {"action_id": str(receipt.action_id), "outcome": "accepted"}
        return _answer(receipt, wiring.settings.public_url)

    @router.get("/api/v1/receipts/{token}", summary="What became of an action")
    async def get_receipt(token: str) -> JSONResponse:
        """The action, and for each letter its state, when that changed, and its history."""
        receipt = await find_receipt(token, wiring.database)
        if receipt is None:
            raise UnknownReceipt
        return JSONResponse(receipt.as_json(), headers=PRIVATE)

    return router


def _key_of(request: Request) -> str:
    key = request.headers.get("idempotency-key")
    if key is None:
        raise KeyMissing
    if not (0 < len(key) <= KEY_CHARACTERS_MAX and key.isascii() and key.isprintable()):
        raise KeyMalformed
    return key


def _read(content_type: str, body: bytes) -> ActionRequest:
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise WrongType("application/json")
    try:
        return ACTION_REQUEST.validate_json(body)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        if errors[0]["type"] == "json_invalid":
            raise NotJson from None
        raise invalid(explain(errors)) from None


def _answer(receipt: Receipt, public_url: str) -> Response:
    url = f"{public_url.rstrip('/')}/receipts/{receipt.token}"
    body = f'{{"id":"{receipt.action_id}","status":"accepted","receipt":"{url}"}}'
    headers = {"Location": url, "Cache-Control": "no-store"}
    return Response(body, 202, headers, "application/json")


def _documented() -> dict[str, Any]:
    schema = ActionRequest.model_json_schema()
    parts = schema.pop("$defs")
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": "A fresh random value for each new action; the same value repeats it. Remembered for good.",
        "schema": {"type": "string", "minLength": 1, "maxLength": KEY_CHARACTERS_MAX, "pattern": "^[ -~]+$"},
    }
    body = {"required": True, "content": {"application/json": {"schema": _inlined(schema, parts)}}}
    return {"parameters": [key], "requestBody": body}


def _inlined(schema: Any, parts: dict[str, Any]) -> Any:
    """The schema with its parts in place: references into `$defs` lead nowhere inside an OpenAPI document."""
    match schema:
        case {"$ref": str(name)}:
            return _inlined(parts[name.rsplit("/", 1)[-1]], parts)
        case dict():
            return {key: _inlined(value, parts) for key, value in schema.items()}
        case list():
            return [_inlined(value, parts) for value in schema]
        case _:
            return schema


def _problem(description: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"type": "object"}}}
    return {"description": description, "content": content}


_LOCATION = {"description": "the receipt", "schema": {"type": "string", "format": "uri"}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"model": Accepted, "description": "Kept, on disk", "headers": {"Location": _LOCATION}},
    400: _problem("No Idempotency-Key, or no JSON"),
    404: _problem("Unknown case"),
    409: _problem("The case is closed: ended or won"),
    410: _problem("The case was withdrawn"),
    413: _problem("More than 64 kB"),
    415: _problem("Not application/json"),
    422: _problem("Fields that cannot be taken, each named; or the key belongs to another action"),
    503: _problem("Not now: try again after Retry-After, with the same key"),
}
