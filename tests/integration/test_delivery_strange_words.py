"""What no database can keep is refused, and never a fault of ours."""

from collections.abc import AsyncIterator

import pytest

from tests.support.delivery_service import STAFF_TOKEN, DeliveryService, delivery_service
from tests.support.events import CASE_ID

API = "/api/v1/delivery"
BEARER = {"Authorization": f"Bearer {STAFF_TOKEN}", "Staff-Name": "Amina"}
NUL = "a\x00b"


@pytest.fixture
async def delivery(database_url: str) -> AsyncIterator[DeliveryService]:
    async with delivery_service(database_url) as service:
        yield service


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/pauses", {"scope": "destination", "subject": NUL, "why": "x"}),
        ("POST", "/pauses", {"scope": "everything", "subject": "", "why": NUL}),
        ("PUT", "/destinations/a%00b/rate", {"per_hour": 5, "why": "x"}),
        ("POST", "/destinations/a%00b/lift", {"why": "x"}),
        ("POST", "/groups", {"act": "again", "state": "failed", "destination": NUL, "why": "x"}),
        ("POST", f"/bundles/{CASE_ID}/handed-over", {"to_whom": NUL, "why": "x"}),
        ("POST", "/suppressions", {"address": "a\x00@b.example", "why": "x"}),
    ],
)
async def test_a_nul_is_refused(delivery: DeliveryService, method: str, path: str, body: dict[str, object]) -> None:
    answer = await delivery.http.request(method, API + path, json=body, headers=BEARER)
    assert answer.status_code in (404, 422), answer.text
