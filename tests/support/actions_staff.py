"""Staff at the actions service: the token tests use, and a session as delivery's login opens it."""

from fastapi.responses import Response

from shared.web.staff import COOKIE
from tests.support.actions_app import ActionsService

STAFF_TOKEN = "a-staff-token-for-tests"
BEARER = {"Authorization": f"Bearer {STAFF_TOKEN}"}


def log_in(actions: ActionsService, who: str = "Amina") -> None:
    """From here on its `http` sends the session's cookie."""
    answer = Response()
    actions.wiring.staff.open_session(answer, who)
    cookie = answer.headers["set-cookie"].partition(";")[0].partition("=")[2]
    actions.http.cookies.set(COOKIE, cookie.strip('"'))
