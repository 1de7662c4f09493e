"""Every error a caller sees, as RFC 9457 problem details, or as a page where a person is looking."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from shared.db import DatabaseAway
from shared.languages import N_
from shared.web.methods import methods_of

TYPES = "https://writeforrights.example/problems/"
RETRY_AFTER_SECONDS = 5
HTTP_TITLES = {404: N_("There is nothing at this address"), 405: N_("This cannot be done here")}

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field, in words for the person who filled it in. Never the value itself.

    Its words, and those of a `Problem`, are English, from `N_` or `say`: a page says them in its own language."""

    field: str
    message: str


@dataclass
class Problem(Exception):
    """An answer that says what went wrong. `kind` is the stable last part of its `type`."""

    status: int
    kind: str
    title: str
    detail: str = ""
    errors: list[FieldError] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {"type": TYPES + self.kind, "title": self.title, "status": self.status}
        if self.detail:
            body["detail"] = self.detail
        if self.errors:
            body["errors"] = [{"field": error.field, "message": error.message} for error in self.errors]
        return body


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"


ShowPage = Callable[[Request, Problem], Response]


def problem_response(problem: Problem) -> ProblemResponse:
    return ProblemResponse(problem.as_json(), problem.status, headers=dict(problem.headers))


def install_problems(app: FastAPI, show_page: ShowPage | None = None) -> None:
    """Map every exception to its problem, once. `show_page` answers people, who ask for text/html."""

    def answer(request: Request, problem: Problem) -> Response:
        if show_page and is_person(request):
            return show_page(request, problem)
        return problem_response(problem)

    def refuse_method(request: Request, error: Exception) -> Response:
        problem = as_problem(error)
        if methods := methods_of(request):
            problem.headers = {**problem.headers, "Allow": methods}
        return answer(request, problem)

    app.add_exception_handler(Problem, lambda request, error: answer(request, as_problem(error)))
    app.add_exception_handler(HTTPStatus.METHOD_NOT_ALLOWED, refuse_method)
    for fault in (HTTPException, RequestValidationError, DatabaseAway, Exception):
        app.add_exception_handler(fault, lambda request, error: answer(request, as_problem(error)))


def is_person(request: Request) -> bool:
    """Whether a page is wanted, not JSON."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")


def as_problem(error: Exception) -> Problem:
    """What a caller is told of this exception. One that nobody foresaw is logged."""
    match error:
        case Problem():
            return error
        case HTTPException():
            phrase = HTTPStatus(error.status_code).phrase
            kind, title = phrase.lower().replace(" ", "-"), HTTP_TITLES.get(error.status_code, phrase)
            return Problem(error.status_code, kind, title, headers=dict(error.headers or {}))
        case RequestValidationError():
            return invalid(field_errors(error.errors()))
        case DatabaseAway():
            return unavailable(N_("A part of this service is away for a moment. Nothing was changed."))
        case _:
            log.error("unhandled", fault=type(error).__name__, exc_info=error)
            return Problem(500, "internal-error", N_("Something went wrong on our side"))


def invalid(errors: list[FieldError], detail: str = "") -> Problem:
    """422: the request was understood, and these fields cannot be taken as they are."""
    return Problem(422, "invalid-fields", N_("Some fields need another look"), detail, errors)


def unavailable(detail: str) -> Problem:
    """503: not now. The same request will work later."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return Problem(503, "unavailable", N_("Please try again in a moment"), detail, headers=headers)


def field_errors(errors: Any) -> list[FieldError]:
    """Pydantic's errors, without the values they complain of."""
    skip = {"body", "query", "path", "header"}
    return [
        FieldError(".".join(str(part) for part in error["loc"] if part not in skip) or "body", error["msg"])
        for error in errors
    ]
