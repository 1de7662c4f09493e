"""What an action looks like when it comes in, by the API or the form, and what is wrong when it does not fit."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    JsonValue,
    TypeAdapter,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from services.actions.addresses import read_address
from services.actions.proofs import PROOF_CHARACTERS_MAX
from shared.languages import N_
from shared.languages.formats import Formats
from shared.languages.saying import say
from shared.messages.cases import Channel
from shared.web.problems import FieldError
from shared.web.words import NO_ADDRESS

NAME_CHARACTERS_MAX = 200
EMAIL_CHARACTERS_MAX = 254
SUBJECT_CHARACTERS_MAX = 200
BODY_CHARACTERS_MAX = 20_000
TARGETS_MAX = 100
SOURCE_ENTRIES_MAX = 8
SOURCE_CHARACTERS_MAX = 200
ERRORS_SHOWN_MAX = 20
FIELD_NAME_CHARACTERS_MAX = 80

# No control characters, as ranges: not every reader of the API's document knows Unicode's classes by name.
ONE_LINE = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"
MANY_LINES = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$"
MANY_LINES_AS_SENT = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$"  # \r\n is taken and becomes \n
LANGUAGE = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$"
SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
SOURCE_KEY = r"^[a-z][a-z0-9_]{0,39}$"


def _with_plain_newlines(value: Any) -> Any:
    # Browsers send CRLF from a textarea, whatever the person typed.
    return value.replace("\r\n", "\n").replace("\r", "\n") if isinstance(value, str) else value


def _written(value: str) -> str:
    if not value or value.isspace():
        raise PydanticCustomError("blank", "Please fill this in.")
    return value


def _trimmed(value: str) -> str:
    return _written(value.strip())


def _known_country(value: str) -> str:
    if value.upper() not in Formats().countries():
        raise PydanticCustomError("country", "A country as its two-letter code, such as PK.")
    return value.upper()


def _not_empty(value: tuple[UUID, ...]) -> tuple[UUID, ...]:
    if not value:
        raise PydanticCustomError("too_short", "Choose at least one.")
    return value


# What validators of our own hold to, said to readers of the API's document too.
_NOT_EMPTY: dict[str, JsonValue] = {"minLength": 1}

Name = Annotated[
    str,
    Field(max_length=NAME_CHARACTERS_MAX, pattern=ONE_LINE, json_schema_extra=_NOT_EMPTY),
    AfterValidator(_trimmed),
]
Subject = Annotated[
    str,
    Field(max_length=SUBJECT_CHARACTERS_MAX, pattern=ONE_LINE, json_schema_extra=_NOT_EMPTY),
    AfterValidator(_trimmed),
]
Body = Annotated[
    str,
    BeforeValidator(_with_plain_newlines),
    Field(
        max_length=BODY_CHARACTERS_MAX,
        pattern=MANY_LINES,
        json_schema_extra=_NOT_EMPTY | {"pattern": MANY_LINES_AS_SENT},
    ),
    AfterValidator(_written),
]
Email = Annotated[EmailStr, Field(max_length=EMAIL_CHARACTERS_MAX), WrapValidator(read_address)]
Country = Annotated[
    str,
    Field(description="ISO 3166-1 alpha-2", json_schema_extra={"pattern": "^[A-Za-z]{2}$"}),
    AfterValidator(_known_country),
]
Language = Annotated[str, Field(max_length=35, pattern=LANGUAGE, description="BCP 47, such as ur or pt-BR")]
Targets = Annotated[
    tuple[UUID, ...],
    Field(max_length=TARGETS_MAX, json_schema_extra={"minItems": 1}),
    AfterValidator(_not_empty),
]
SourceKey = Annotated[str, Field(pattern=SOURCE_KEY)]
SourceValue = Annotated[str, Field(max_length=SOURCE_CHARACTERS_MAX, pattern=ONE_LINE)]


class Fields(BaseModel):
    """A part of a request: what we do not know, we refuse, so a misspelt field is not silently lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SupporterFields(Fields):
    name: Name
    email: Email
    country: Country


class LetterFields(Fields):
    subject: Subject
    body: Body
    language: Language


class ActionRequest(Fields):
    """One act by one supporter on one case."""

    case: Annotated[str, Field(max_length=100, pattern=SLUG, description="the case's slug")]
    channel: Channel
    supporter: SupporterFields
    letter: LetterFields
    targets: Targets | None = Field(
        default=None, description="ids of the case's targets; absent: all that the channel reaches"
    )
    hide_email: bool = Field(default=False, description="officials do not learn the supporter's address")
    opt_in: bool = Field(default=False, description="the supporter wants a mail when something changes in this case")
    # Left out of the digest where it says nothing, as it said nothing before there was such a field.
    may_be_shown: bool = Field(
        default=False,
        exclude_if=lambda agreed: not agreed,
        description="of a message of solidarity: once staff have read it, everybody may see it, with name and country",
    )
    source: Annotated[dict[SourceKey, SourceValue], Field(max_length=SOURCE_ENTRIES_MAX)] = Field(
        default_factory=dict, description="where they came from: partner, utm_source, utm_medium, utm_campaign ..."
    )
    # Left out of the digest: the same letter, sent again with a fresh proof, is the same action.
    proof: Annotated[str, Field(max_length=PROOF_CHARACTERS_MAX)] | None = Field(
        default=None,
        exclude=True,
        description="a solved challenge from GET /api/v1/actions/challenge, for campaigns that ask for proof of work",
    )

    def digest(self) -> str:
        """The same for two requests that say the same, however they were spelt on the wire and proven."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class Accepted(BaseModel):
    """The answer to an accepted action."""

    id: UUID
    status: str = Field(examples=["accepted"])
    receipt: str = Field(description="the supporter's receipt, as a URL; whoever has it can read it")


ACTION_REQUEST: TypeAdapter[ActionRequest] = TypeAdapter(ActionRequest)

_MESSAGES = {
    "missing": N_("Please fill this in."),
    "blank": N_("Please fill this in."),
    "extra_forbidden": N_("There is no such field."),
    "enum": N_("One of email, post, social or solidarity."),
    "country": N_("A country as its two-letter code, such as PK."),
    "uuid_parsing": N_("The id of a target."),
    "too_long": N_("Too many entries."),
    "too_short": N_("Choose at least one."),
}
_MESSAGES_BY_FIELD = {
    ("email", "value_error"): NO_ADDRESS,
    ("network", "enum"): N_("One of x, bluesky, mastodon or threads."),
    ("name", "string_pattern_mismatch"): N_("One line of text, without control characters."),
    ("subject", "string_pattern_mismatch"): N_("One line of text, without control characters."),
    ("body", "string_pattern_mismatch"): N_("It holds control characters, which cannot be sent."),
    ("language", "string_pattern_mismatch"): N_("A language tag, such as en or pt-BR."),
    ("case", "string_pattern_mismatch"): N_("The short name of a case, such as in its address."),
}


def explain(errors: Iterable[Mapping[str, Any]]) -> list[FieldError]:
    """Pydantic's errors in words for whoever wrote the request, and never with what they wrote."""
    found = [FieldError(_path(error["loc"]), _message(error)) for error in errors]
    return list(dict.fromkeys(found))[:ERRORS_SHOWN_MAX]


def _path(parts: tuple[str | int, ...]) -> str:
    # "[key]" is pydantic's mark for a dict's key, and tells a caller nothing.
    return ".".join(str(part) for part in parts if part != "[key]")[:FIELD_NAME_CHARACTERS_MAX] or "body"


def _message(error: Mapping[str, Any]) -> str:
    kind, parts = error["type"], [part for part in error["loc"] if isinstance(part, str)]
    if kind == "string_too_long":
        return say("At most %(count)s characters.", count=error["ctx"]["max_length"])
    by_field = _MESSAGES_BY_FIELD.get((parts[-1] if parts else "", kind))
    # A message of our own for every error whose text could quote the value; pydantic's for those that cannot.
    return by_field or _MESSAGES.get(kind) or (N_("This cannot be taken.") if "value" in kind else str(error["msg"]))
