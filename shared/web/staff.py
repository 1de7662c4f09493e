"""Who may see and move things: whoever holds the staff token, by header or by a signed cookie.

The cookie says "this browser showed the token, and this is who said so", is signed with a key made from the token, so
a new token ends all sessions, and lasts twelve hours. Every service that is given the same token reads it, so one
login opens all pages below `/ops`.
"""

import hashlib
import secrets
from urllib.parse import quote, unquote, urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from itsdangerous import BadSignature, TimestampSigner

from shared.clock import Clock
from shared.settings import Settings
from shared.web.problems import HTTP_TITLES, Problem

COOKIE = "w4r_staff"
COOKIE_SECONDS = 12 * 3600
COOKIE_PATH = "/ops"
LOGIN = "/ops/login"
WHO_HEADER = "staff-name"
WHO_CHARACTERS_MAX = 80
UNNAMED = "staff"


class LoginNeeded(Exception):
    """A person without a session wants a page: show them the way in."""


class _Signer(TimestampSigner):
    """Tells the time by our clock."""

    def __init__(self, token: str, clock: Clock) -> None:
        super().__init__(token, salt="w4r.staff", key_derivation="hmac", digest_method=hashlib.sha256)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock.now().timestamp())


class Staff:
    """The guard. Without a token there is nothing to guard: every door is a wall."""

    def __init__(self, token: str | None, clock: Clock, public_url: str) -> None:
        self._token = token
        self._signer = _Signer(token, clock) if token else None
        self._is_https = public_url.startswith("https://")
        self._public_host = urlsplit(public_url).netloc

    def is_token(self, candidate: str) -> bool:
        if self._token is None:
            raise no_such_page()
        return secrets.compare_digest(candidate.encode(), self._token.encode())

    async def require_bearer(self, request: Request) -> str:
        """For the API. Returns who asks, as they say. Raises 404 where there is no token, 401 to everybody else."""
        scheme, _, candidate = request.headers.get("authorization", "").partition(" ")
        if not self.is_token(candidate.strip()) or scheme.lower() != "bearer":
            raise not_staff()
        return as_name(request.headers.get(WHO_HEADER, ""))

    async def require_open(self, request: Request) -> None:
        """For the way in itself."""
        self.is_token("")

    async def require_session(self, request: Request) -> str:
        """For pages. Returns who logged in. Raises `LoginNeeded`."""
        if self._signer is None:
            raise no_such_page()
        try:
            signed = self._signer.unsign(request.cookies.get(COOKIE, ""), max_age=COOKIE_SECONDS)
        except BadSignature as error:
            raise LoginNeeded from error
        return unquote(signed.decode("ascii"))

    async def require_own_form(self, request: Request) -> None:
        """A form counts only when our own page sent it: browsers name the origin of every POST."""
        origin = request.headers.get("origin", "")
        if urlsplit(origin).netloc not in {request.headers.get("host"), self._public_host} - {"", None}:
            raise forged_form()

    def open_session(self, response: Response, who: str) -> None:
        if self._signer is None:
            raise no_such_page()
        response.set_cookie(
            COOKIE,
            self._signer.sign(quote(as_name(who), safe="")).decode(),
            max_age=COOKIE_SECONDS,
            path=COOKIE_PATH,
            secure=self._is_https,
            httponly=True,
            samesite="strict",
        )

    def close_session(self, response: Response) -> None:
        response.delete_cookie(COOKIE, path=COOKIE_PATH, secure=self._is_https, httponly=True, samesite="strict")


def staff_of(settings: Settings, clock: Clock) -> Staff:
    token = settings.staff_token.get_secret_value() if settings.staff_token else None
    return Staff(token, clock, settings.public_url)


def show_way_in(app: FastAPI) -> None:
    """Send people without a session to the login page."""

    async def show(_request: Request, _error: Exception) -> Response:
        return RedirectResponse(LOGIN, 303, headers={"Cache-Control": "no-store"})

    app.add_exception_handler(LoginNeeded, show)


async def forbid_caches(response: Response) -> None:
    """A dependency of routes whose JSON is for staff alone."""
    response.headers["Cache-Control"] = "no-store"


def as_name(text: str) -> str:
    """What somebody calls themselves, fit for a record: one line, bounded, never empty."""
    line = "".join(character for character in text if character.isprintable()).strip()
    return line[:WHO_CHARACTERS_MAX] or UNNAMED


def no_such_page() -> Problem:
    """Also what a closed door answers: whoever has no business here learns nothing of it."""
    return Problem(404, "not-found", HTTP_TITLES[404])


def not_staff() -> Problem:
    headers = {"WWW-Authenticate": 'Bearer realm="staff"', "Cache-Control": "no-store"}
    return Problem(401, "not-staff", "Staff only", "Send the staff token as Authorization: Bearer.", headers=headers)


def forged_form() -> Problem:
    return Problem(
        403, "other-origin", "This form was not sent from our own page", headers={"Cache-Control": "no-store"}
    )
