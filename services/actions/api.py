"""The API: what `POST /api/v1/actions` takes and answers, for the documents; and the receipt as JSON.

The post itself is answered by `hot_route.py`, which is put before this router. What FastAPI would have documented by
itself is said in `openapi_extra` and `responses`.
"""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from services.actions.errors import UnknownReceipt
from services.actions.hot_route import KEY_CHARACTERS_MAX, PATH
from services.actions.receipts import find_receipt
from services.actions.schemas import Accepted, ActionRequest
from services.actions.wiring import Wiring

PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


def api_router(wiring: Wiring) -> APIRouter:
    router = APIRouter(tags=["actions"])

    @router.post(
        PATH,
        summary="Act on a case",
        status_code=202,
        response_class=Response,
        response_model=None,
        responses=RESPONSES,
        openapi_extra=_documented(),
    )
    async def post_action() -> None:
        """Returns once the action is on disk. The same key and body again get the same answer, as often as you like."""
        raise NotImplementedError("the hot route stands before this one")

    @router.get("/api/v1/receipts/{token}", summary="What became of an action")
    async def get_receipt(token: str) -> JSONResponse:
        """The action, and for each letter its state, when that changed, and its history."""
        receipt = await find_receipt(token, wiring.database)
        if receipt is None:
            raise UnknownReceipt
        return JSONResponse(receipt.as_json(), headers=PRIVATE)

    return router


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
