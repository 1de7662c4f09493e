"""What is refused before any route looks at it: why, in which words, and how often.

A refusal must cost less than an answer, or refusing would be what brings a process down. So each is made once and kept.
"""

from enum import StrEnum

from fastapi import Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, Counter
from starlette.types import Receive, Scope, Send

from shared.languages import N_
from shared.web.problems import Problem, ShowPage, is_person, problem_response
from shared.web.tongues import Tongue, tongue_of

WAIT_WHEN_CROWDED_SECONDS = 2
WAIT = {"Retry-After": str(WAIT_WHEN_CROWDED_SECONDS), "Cache-Control": "no-store"}
# What is left of the request would be read as the next one, or waited for.
CLOSE = {"Connection": "close"}


class Reason(StrEnum):
    """Why a request was refused, as the metric names it."""

    CROWDED = "crowded"
    CLIENT_CROWDED = "client_crowded"
    HEAD_TOO_LARGE = "head_too_large"
    BODY_TOO_LARGE = "body_too_large"
    BODY_TOO_SLOW = "body_too_slow"


PROBLEMS = {
    Reason.CROWDED: Problem(
        503,
        "too-busy",
        N_("Please try again in a moment"),
        N_("More people are here than we can serve at this moment. Nothing of this request was kept."),
        headers=WAIT,
    ),
    Reason.CLIENT_CROWDED: Problem(
        429,
        "too-many-at-once",
        N_("Please try again in a moment"),
        N_("Many requests are under way from this network address at once. Nothing of this one was kept."),
        headers=WAIT,
    ),
    Reason.HEAD_TOO_LARGE: Problem(431, "head-too-large", N_("The head of this request is too large"), headers=CLOSE),
    Reason.BODY_TOO_LARGE: Problem(413, "too-large", N_("This is more than we can take at once")),
    Reason.BODY_TOO_SLOW: Problem(
        408,
        "too-slow",
        N_("The request did not arrive in time"),
        N_("Nothing of it was kept. It may be sent again."),
        headers=CLOSE,
    ),
}


class Refusals:
    """Answers and counts. People get a page where `show_page` can make one."""

    def __init__(self, registry: CollectorRegistry | None = None, show_page: ShowPage | None = None) -> None:
        counter = Counter("http_refused", "Requests refused unseen", ("reason", "answer"), registry=registry)
        self._plain = {reason: counter.labels(reason.value, "plain") for reason in Reason}
        self._given_back = {reason: counter.labels(reason.value, "given_back") for reason in Reason}
        self._show_page = show_page
        self._kept: dict[tuple[Reason, bool, str, Tongue], Response] = {}

    async def answer(self, reason: Reason, scope: Scope, receive: Receive, send: Send) -> None:
        """At once, without reading the body."""
        self._plain[reason].inc()
        await self._made(reason, Request(scope))(scope, receive, send)

    def note_given_back(self, reason: Reason) -> None:
        """Count a form that its route gives back whole."""
        self._given_back[reason].inc()

    def _made(self, reason: Reason, request: Request) -> Response:
        person = self._show_page is not None and is_person(request)
        # The page's words differ for those who were sending something: no other method is told apart.
        method = "POST" if request.method == "POST" else "GET"
        key = (reason, person, method, tongue_of(request))
        if key not in self._kept:
            problem = PROBLEMS[reason]
            self._kept[key] = (
                self._show_page(request, problem) if self._show_page and person else problem_response(problem)
            )
        return self._kept[key]
