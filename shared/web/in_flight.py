"""How many requests may be under way at once, altogether and for each client. What is more is refused at once.

A person's form that is refused for now is still read, within a second and smaller bound, so that its route can give
every word back; and so are the few static files of that page. docs/decisions/overload.md tells why.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network, IPv6Network

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.settings import Settings
from shared.web.clients import Client, client_of, is_ours, trusted_networks
from shared.web.problems import Problem, is_person
from shared.web.refusals import PROBLEMS, Reason, Refusals

NEVER_REFUSED = frozenset({"/health/live", "/health/ready", "/metrics"})
LEAVE = "w4r.leave_the_crowd"  # what a route calls whose answer goes on and on, and is bounded otherwise
REFUSED_FOR_NOW = "w4r.refused_for_now"  # where a form's route finds the `Problem` with which to give the form back


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many at once. `own` are proxies of ours: what they ask for themselves is no client's."""

    requests_max: int = 1000
    client_requests_max: int = 50
    forms_given_back_max: int = 50
    own: tuple[IPv4Network | IPv6Network, ...] = ()


class Load:
    """How full one process is, told while it changes."""

    def __init__(self, requests_max: int) -> None:
        self.requests, self.requests_max = 0, requests_max

    @property
    def share(self) -> float:
        """0.0 when nothing is under way; from 1.0 on, requests are refused."""
        return self.requests / self.requests_max


def crowd_of(settings: Settings) -> Crowd:
    return Crowd(
        requests_max=settings.requests_in_flight_max,
        client_requests_max=settings.client_requests_in_flight_max,
        forms_given_back_max=settings.forms_given_back_in_flight_max,
        own=trusted_networks(settings.trusted_proxies),
    )


class LimitInFlight:
    """Counts requests while they are answered. It remembers a client only as long as one of its requests is."""

    def __init__(
        self, app: ASGIApp, crowd: Crowd, refusals: Refusals, forms: Container[str] = (), load: Load | None = None
    ) -> None:
        self._app, self._crowd, self._refusals, self._forms = app, crowd, refusals, forms
        self._load = load or Load(crowd.requests_max)
        self._given_back = 0
        self._by_client: dict[Client, int] = {}

    @property
    def clients_remembered(self) -> int:
        return len(self._by_client)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in NEVER_REFUSED:
            return await self._app(scope, receive, send)
        client = client_of(scope)
        reason = self._reason_to_refuse(client, scope)
        if reason is not None:
            return await self._refuse(reason, scope, receive, send)
        self._load.requests += 1
        self._by_client[client] = self._by_client.get(client, 0) + 1
        scope[LEAVE] = leave = _Once(partial(self._let_go, client))
        try:
            await self._app(scope, receive, send)
        finally:
            leave()

    def _reason_to_refuse(self, client: Client, scope: Scope) -> Reason | None:
        if self._load.requests >= self._crowd.requests_max:
            return Reason.CROWDED
        if self._by_client.get(client, 0) < self._crowd.client_requests_max or is_ours(scope, self._crowd.own):
            return None
        return Reason.CLIENT_CROWDED

    def _let_go(self, client: Client) -> None:
        self._load.requests -= 1
        left = self._by_client[client] - 1
        if left:
            self._by_client[client] = left
        else:
            del self._by_client[client]

    async def _refuse(self, reason: Reason, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._may_be_read(reason, scope):
            return await self._refusals.answer(reason, scope, receive, send)
        if scope["method"] == "POST":
            self._refusals.note_given_back(reason)
        scope[REFUSED_FOR_NOW] = PROBLEMS[reason]
        self._given_back += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._given_back -= 1

    def _may_be_read(self, reason: Reason, scope: Scope) -> bool:
        """One crowded client gets no more than half of it, so that it cannot take the page from everybody else."""
        room = self._crowd.forms_given_back_max
        if reason is Reason.CLIENT_CROWDED:
            room //= 2
        return self._given_back < room and (self._is_persons_form(scope) or _is_static(scope))

    def _is_persons_form(self, scope: Scope) -> bool:
        return scope["method"] == "POST" and scope["path"] in self._forms and is_person(Request(scope))


class _Once:
    """Does `do` at the first call, and nothing at those that follow."""

    __slots__ = ("_do",)

    def __init__(self, do: Callable[[], None]) -> None:
        self._do: Callable[[], None] | None = do

    def __call__(self) -> None:
        do, self._do = self._do, None
        if do:
            do()


def leave_the_crowd(scope: Scope) -> None:
    """For an answer that goes on and on, and is bounded otherwise: from here on it counts no more."""
    if leave := scope.get(LEAVE):
        leave()


def _is_static(scope: Scope) -> bool:
    return scope["method"] == "GET" and bool(scope["path"].startswith("/static/"))


def refused_for_now(scope: Scope) -> Problem | None:
    """Why the form of this request is to be given back and nothing else done; none when all is well."""
    problem: Problem | None = scope.get(REFUSED_FOR_NOW)
    return problem
