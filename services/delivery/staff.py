"""Who may see and move letters: whoever holds the staff token, by header or by a signed cookie.

The cookie says only "this browser showed the token", is signed with a key made from the token, so a new token ends
all sessions, and lasts twelve hours.
"""

import hashlib
import secrets
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response
from itsdangerous import BadSignature, TimestampSigner

from services.delivery.errors import forged_form, no_such_page, not_staff
from shared.clock import Clock

COOKIE = "w4r_staff"
COOKIE_SECONDS = 12 * 3600
COOKIE_PATH = "/ops"
VALUE = "staff"


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

    async def require_bearer(self, request: Request) -> None:
        """For the API. Raises 404 where the console is closed, 401 to everybody else."""
        scheme, _, candidate = request.headers.get("authorization", "").partition(" ")
        if not self.is_token(candidate.strip()) or scheme.lower() != "bearer":
            raise not_staff()

    async def require_open(self, request: Request) -> None:
        """For the way in itself."""
        self.is_token("")

    async def require_session(self, request: Request) -> None:
        """For pages. Raises `LoginNeeded`."""
        if self._signer is None:
            raise no_such_page()
        try:
            self._signer.unsign(request.cookies.get(COOKIE, ""), max_age=COOKIE_SECONDS)
        except BadSignature as error:
            raise LoginNeeded from error

    async def require_own_form(self, request: Request) -> None:
        """A form counts only when our own page sent it: browsers name the origin of every POST."""
        origin = request.headers.get("origin", "")
        if urlsplit(origin).netloc not in {request.headers.get("host"), self._public_host} - {"", None}:
            raise forged_form()

    def open_session(self, response: Response) -> None:
        if self._signer is None:
            raise no_such_page()
        response.set_cookie(
            COOKIE,
            self._signer.sign(VALUE).decode(),
            max_age=COOKIE_SECONDS,
            path=COOKIE_PATH,
            secure=self._is_https,
            httponly=True,
            samesite="strict",
        )

    def close_session(self, response: Response) -> None:
        response.delete_cookie(COOKIE, path=COOKIE_PATH, secure=self._is_https, httponly=True, samesite="strict")
