"""What the API's document promises: everything a caller may send, and every answer that may come back.

The routes parse and serialise by hand, so FastAPI cannot know this; a test sends thousands of requests to hold it true.
"""

from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.actions.hot_route import KEY_CHARACTERS_MAX
from services.actions.letter_states import LetterState
from services.actions.posting import PostRequest
from services.actions.proofs import HEX_256
from services.actions.receipts import TOKEN
from services.actions.schemas import Accepted, ActionRequest
from shared.messages.cases import Channel

Documented = dict[int | str, dict[str, Any]]


class Part(BaseModel):
    """A part of an answer. It has these fields and no others."""

    model_config = ConfigDict(extra="forbid")


class StepOut(Part):
    state: LetterState
    at: AwareDatetime


class TargetOut(Part):
    name: str


class LetterOut(Part):
    id: UUID
    target: TargetOut
    state: LetterState
    changed_at: AwareDatetime
    history: list[StepOut] = Field(min_length=1, description="oldest first")


class ActionOut(Part):
    id: UUID
    case: str = Field(description="the case's slug")
    channel: Channel
    status: Literal["accepted", "awaiting_verification", "expired", "cancelled", "invalidated"] = Field(
        description="awaiting_verification: the supporter is to follow the link in a mail; expired: not done in time"
    )
    accepted_at: AwareDatetime
    can_be_taken_back: bool = Field(description="something of it is not out yet: `take-back` stops that")
    address_can_be_hidden: bool = Field(description="letters that are not out yet can go without the address")


class ChallengeOut(Part):
    """A challenge of ALTCHA's first protocol."""

    algorithm: Literal["SHA-256"]
    challenge: str = Field(pattern=HEX_256, description="the SHA-256 of the salt and the number looked for, in hex")
    maxnumber: int = Field(ge=1, description="the number is not larger")
    salt: str = Field(description="ends with when the challenge does: expires, in seconds since 1970")
    signature: str = Field(pattern=HEX_256)


class ReceiptOut(Part):
    """An action and the way of its letters. Who wrote, and what, is on the receipt's page alone."""

    action: ActionOut
    letters: list[LetterOut] = Field(description="none while the action awaits verification")


def _schema_of(model: type[BaseModel]) -> Any:
    schema = model.model_json_schema()
    return _inlined(schema, schema.pop("$defs", {}))


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


def _header(description: str, schema: dict[str, Any], *, always: bool = True) -> dict[str, Any]:
    return {"description": description, "required": always, "schema": schema}


def _problem(status: int, description: str) -> dict[str, Any]:
    """RFC 9457, section 3.1, with our list of the fields that are meant."""
    text = {"type": "string"}
    field = {"type": "object", "required": ["field", "message"], "properties": {"field": text, "message": text}}
    known = {
        "type": {"type": "string", "format": "uri"},
        "title": text,
        "status": {"const": status},
        "detail": text,
        "errors": {"type": "array", "items": field},
    }
    schema = {"type": "object", "required": ["type", "title", "status"], "properties": known}
    return {"description": description, "content": {"application/problem+json": {"schema": schema}}}


def _not_now(status: int, description: str) -> dict[str, Any]:
    wait = _header("seconds to wait", {"type": "integer", "minimum": 1})
    return _problem(status, description) | {"headers": {"Retry-After": wait}}


def _too_many() -> dict[str, Any]:
    """Headers as in draft-ietf-httpapi-ratelimit-headers-11."""
    answer = _not_now(429, "Too many: at once from one address; lately from one network or mailbox, or for one case")
    text = {"type": "string"}
    answer["headers"]["RateLimit-Policy"] = _header("the limits there are", text, always=False)
    answer["headers"]["RateLimit"] = _header("the one that is used up, and for how long", text, always=False)
    return answer


_ANY_ROUTE: Documented = {
    408: _problem(408, "The request did not arrive in time"),
    413: _problem(413, "More than 64 kB"),
    429: _not_now(429, "Too many requests at once from one address"),
    431: _problem(431, "The head of the request is too large"),
    503: _not_now(503, "Not now, or switched off by staff: try again after Retry-After, an action with the same key"),
}

STAFF_ANSWERS: Documented = _ANY_ROUTE | {
    401: _problem(401, "Not the staff token"),
    404: _problem(404, "Nothing here; without a staff token, all of it"),
}
CHANGING_ANSWERS: Documented = STAFF_ANSWERS | {
    400: _problem(400, "The body cannot be read"),
    404: _problem(404, "There is no such thing to change; without a staff token, nothing here"),
    409: _problem(409, "Not as things stand now: what stands against it is named"),
    422: _problem(422, "Fields that cannot be taken, each named"),
}

ACTION_ANSWERS: Documented = _ANY_ROUTE | {
    202: {
        "model": Accepted,
        "description": "Kept, on disk",
        "headers": {"Location": _header("the receipt", {"type": "string", "format": "uri"})},
    },
    400: _problem(400, "No Idempotency-Key, or no JSON"),
    403: _problem(403, "Nothing is taken from this network or mailbox"),
    404: _problem(404, "Unknown case"),
    409: _problem(409, "The case is closed: ended or won"),
    410: _problem(410, "The case was withdrawn"),
    415: _problem(415, "Not application/json"),
    422: _problem(
        422,
        "Fields that cannot be taken, each named; or the key belongs to another action; or the campaign asks for proof "
        "of work, and it is wrong, expired or was used for another action",
    ),
    429: _too_many(),
}
_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "A fresh random value for each new action; the same value repeats it. Remembered for good.",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_CHARACTERS_MAX, "pattern": "^[ -~]+$"},
}


def _sent(model: type[BaseModel]) -> dict[str, Any]:
    body = {"required": True, "content": {"application/json": {"schema": _schema_of(model)}}}
    return {"parameters": [_KEY], "requestBody": body}


ACTION_SENT = _sent(ActionRequest)
POST_SENT = _sent(PostRequest)

CHALLENGE_ANSWERS: Documented = _ANY_ROUTE | {
    200: {"model": ChallengeOut, "description": "A fresh challenge. It holds for 20 minutes, and for one action"},
    404: _problem(404, "Proof of work is not set up here: send actions without"),
}

RECEIPT_ANSWERS: Documented = _ANY_ROUTE | {
    200: {"model": ReceiptOut, "description": "The action, and for each letter its state and its history"},
    404: _problem(404, "There is no such receipt"),
}
RECEIPT_SENT: dict[str, Any] = {
    "parameters": [
        {
            "name": "token",
            "in": "path",
            "required": True,
            "description": "the last part of the receipt's address",
            "schema": {"type": "string", "pattern": f"^{TOKEN.pattern}$"},
        }
    ]
}
