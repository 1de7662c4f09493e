"""Staff at any service: the token tests use, and a session as the console's login opens it."""

import httpx
from fastapi.responses import Response

from shared.web.staff import COOKIE, Staff

STAFF_TOKEN = "a-staff-token-for-tests"
BEARER = {"Authorization": f"Bearer {STAFF_TOKEN}", "Staff-Name": "Amina"}


def log_in(http: httpx.AsyncClient, staff: Staff, who: str = "Amina") -> None:
    """From here on `http` sends the session's cookie."""
    answer = Response()
    staff.open_session(answer, who)
    cookie = answer.headers["set-cookie"].partition(";")[0].partition("=")[2]
    http.cookies.set(COOKIE, cookie.strip('"'))
