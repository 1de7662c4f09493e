"""The HTML form: what a person typed, as they typed it, and the request it stands for."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from pydantic import ValidationError
from starlette.datastructures import FormData

from services.actions.proofs import PROOF_CHARACTERS_MAX
from services.actions.schemas import (
    ACTION_REQUEST,
    SOURCE_CHARACTERS_MAX,
    SOURCE_ENTRIES_MAX,
    SOURCE_KEY,
    ActionRequest,
    explain,
)
from services.actions.solidarity import MESSAGE_REQUEST
from shared.messages.cases import Channel
from shared.messages.envelope import derived_id
from shared.web.problems import FieldError, Problem, invalid
from shared.web.words import EMPTY_WORDS

UNTICKED = frozenset({"", "0", "false", "no", "off"})
TEXTS = (
    "case",
    "channel",
    "nonce",
    "name",
    "email",
    "country",
    "subject",
    "language",
    "source",
    "proof",
    "advised",
    "website",
)


@dataclass(frozen=True)
class WriteForm:
    """Every field as it came, so the page can give every word back. `website` is the one no person fills in, `advised`
    the country for which they have read that writing may be dangerous. A message of solidarity has no mailbox, no
    subject and no targets."""

    case: str
    channel: str
    nonce: str
    name: str
    email: str
    country: str
    subject: str
    body: str
    language: str
    targets: tuple[str, ...]
    hide_email: bool
    opt_in: bool
    may_be_shown: bool
    source: str
    proof: str
    advised: str
    website: str

    @property
    def is_message(self) -> bool:
        return self.channel == Channel.SOLIDARITY


def read_form(data: FormData) -> WriteForm:
    """Take the fields we know; whatever else a browser's extensions added is not the person's doing."""

    def text(name: str) -> str:
        value = data.get(name, "")
        return value if isinstance(value, str) else ""

    return WriteForm(
        **{name: text(name) for name in TEXTS},
        body=text("body").replace("\r\n", "\n"),
        targets=tuple(value for value in data.getlist("targets") if isinstance(value, str) and value),
        hide_email=text("hide_email").lower() not in UNTICKED,
        opt_in=text("opt_in").lower() not in UNTICKED,
        may_be_shown=text("may_be_shown").lower() not in UNTICKED,
    )


def as_request(form: WriteForm) -> ActionRequest:
    """Raises the 422 that says which fields cannot be taken."""
    try:
        return _as_message(form) if form.is_message else _as_letter(form)
    except ValidationError as error:
        raise invalid(explain(error.errors(include_url=False))) from None


def _as_message(form: WriteForm) -> ActionRequest:
    names = ("case", "name", "country", "body", "language", "may_be_shown")
    message = MESSAGE_REQUEST.validate_python({name: getattr(form, name) for name in names})
    return message.as_action(_proof(form), _source(form.source))


def _as_letter(form: WriteForm) -> ActionRequest:
    values: dict[str, Any] = {
        "case": form.case,
        "channel": form.channel,
        "supporter": {"name": form.name, "email": form.email.strip(), "country": form.country},
        "letter": {"subject": form.subject, "body": form.body, "language": form.language},
        "targets": form.targets or None,
        "hide_email": form.hide_email,
        "opt_in": form.opt_in,
        "source": _source(form.source),
        "proof": _proof(form),
    }
    return ACTION_REQUEST.validate_python(values)


def _proof(form: WriteForm) -> str | None:
    """What is too long is no proof; it will be told so, and not in the words for a field."""
    return form.proof[:PROOF_CHARACTERS_MAX] or None


def in_form_words(problem: Problem, form: WriteForm) -> Problem:
    """The same problem, its fields named as the form names them: `supporter.email` is `email` there."""
    errors = [_in_form_words(error, form) for error in problem.errors]
    return Problem(problem.status, problem.kind, problem.title, problem.detail, errors, problem.headers)


def form_action_id(form: WriteForm, request: ActionRequest) -> UUID:
    """From the page's nonce and all that was written: docs/decisions/form-key.md tells why both."""
    return derived_id("action", "form", form.nonce, request.digest())


def _in_form_words(error: FieldError, form: WriteForm) -> FieldError:
    parts = error.field.split(".")
    field = parts[-1] if parts[0] in {"supporter", "letter"} else parts[0]
    is_empty = field in EMPTY_WORDS and not getattr(form, field).strip()
    return FieldError(field, EMPTY_WORDS[field] if is_empty else error.message)


def _source(text: str) -> dict[str, str]:
    """Where they came from, as far as it can be read. A hidden field is nothing a person could put right."""
    if text.count("&") >= SOURCE_ENTRIES_MAX:
        return {}
    pairs = parse_qsl(text) if "=" in text else [("page", text)]
    return {key: value for key, value in pairs if _is_fit(key, value)}


def _is_fit(key: str, value: str) -> bool:
    fits = 0 < len(value) <= SOURCE_CHARACTERS_MAX and value.isprintable()
    return fits and bool(re.fullmatch(SOURCE_KEY, key))
