"""Who staff say they are: kept in the session, fit for a record."""

from datetime import UTC, datetime

import httpx
import pytest
from fastapi import Depends, FastAPI
from fastapi.responses import Response

from shared.clock import ManualClock
from shared.web.staff import UNNAMED, WHO_CHARACTERS_MAX, Staff, as_name

TOKEN = "a-staff-token-for-tests"
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "name"),
    [("", UNNAMED), ("  ", UNNAMED), ("Amina\r\nX", "AminaX"), ("آمنہ", "آمنہ"), ("x" * 200, "x" * WHO_CHARACTERS_MAX)],
)
def test_a_name_is_one_bounded_line(text: str, name: str) -> None:
    assert as_name(text) == name


async def test_the_session_remembers_who_logged_in_in_any_script() -> None:
    staff, app = Staff(TOKEN, ManualClock(NOW), "http://site.example"), FastAPI()

    @app.post("/ops/in")
    async def log_in(response: Response) -> None:
        staff.open_session(response, "آمنہ, night shift")

    @app.get("/ops/me")
    async def me(who: str = Depends(staff.require_session)) -> str:
        return who

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://site.example") as http:
        await http.post("/ops/in")
        assert (await http.get("/ops/me")).json() == "آمنہ, night shift"
