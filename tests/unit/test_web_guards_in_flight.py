"""So many at once and no more: for all together, and for one client."""

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from shared.web.clients import client_of, trusted_networks
from shared.web.in_flight import Crowd, LimitInFlight
from shared.web.problems import Problem
from shared.web.refusals import Refusals
from tests.support.held_app import HeldApp, asking, held

PERSON = {"Accept": "text/html,application/xhtml+xml"}
FORM = "/actions"


def show(request: Request, problem: Problem) -> Response:
    return HTMLResponse(f"<h1>{problem.title}</h1>", problem.status, headers=problem.headers)


def guarded(app: HeldApp, registry: CollectorRegistry | None = None, **crowd: object) -> LimitInFlight:
    limits = Crowd(**crowd)  # type: ignore[arg-type]
    return LimitInFlight(app, limits, Refusals(registry or CollectorRegistry(), show), {FORM})


async def test_one_too_many_is_refused_at_once_and_told_when_to_come_back() -> None:
    app = HeldApp()
    guard = guarded(app, requests_max=2)
    async with asking(guard) as http, held(app, lambda: http.get("/held"), 2):
        answer = await http.get("/any")
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert int(answer.headers["retry-after"]) > 0
        assert answer.json()["type"].endswith("/problems/too-busy")
    assert app.most == 2
    async with asking(guard) as http:
        assert (await http.get("/any")).text == "taken", "when they are answered there is room again"


async def test_a_request_that_fails_gives_its_place_free() -> None:
    async def failing(*_: object) -> None:
        raise ZeroDivisionError

    guard = LimitInFlight(failing, Crowd(requests_max=1), Refusals(CollectorRegistry()))
    async with asking(guard) as http:
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await http.get("/any")
    assert guard.clients_remembered == 0


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
async def test_health_is_never_refused(path: str) -> None:
    app = HeldApp()
    async with asking(guarded(app, requests_max=1)) as http, held(app, lambda: http.get("/held"), 1):
        assert (await http.get(path)).text == "taken"


async def test_a_person_gets_a_short_page_made_once() -> None:
    app, shown = HeldApp(), []

    def noting(request: Request, problem: Problem) -> Response:
        shown.append(request.method)
        return show(request, problem)

    guard = LimitInFlight(app, Crowd(requests_max=1), Refusals(CollectorRegistry(), noting))
    async with asking(guard) as http, held(app, lambda: http.get("/held"), 1):
        for _ in range(3):
            answer = await http.get("/receipts/x", headers=PERSON)
            assert (answer.status_code, answer.text) == (503, "<h1>Please try again in a moment</h1>")
            assert answer.headers["retry-after"]
    assert shown == ["GET"]


async def test_a_form_over_the_limit_is_read_to_be_given_back_but_no_more_than_so_many() -> None:
    app = HeldApp()
    guard = guarded(app, requests_max=1, forms_given_back_max=2)
    async with asking(guard) as http, held(app, lambda: http.get("/held"), 1):
        answer = await http.post(FORM, headers=PERSON)
        assert (answer.status_code, answer.text) == (503, "too-busy"), "its route was told why"
        async with held(app, lambda: http.post(f"{FORM}?held", headers=PERSON), 2):
            beyond = await http.post(FORM, headers=PERSON)
            assert beyond.text.startswith("<h1>")
            assert app.under_way == 3
    assert app.most == 3


@pytest.mark.parametrize(
    ("method", "path", "headers", "is_let_in"),
    [
        ("POST", FORM, PERSON, True),
        ("POST", FORM, {}, False),
        ("POST", "/api/v1/actions", PERSON, False),
        ("GET", FORM, PERSON, False),
        ("GET", "/static/w4r.css", {}, True),
        ("POST", "/static/w4r.css", {}, False),
    ],
)
async def test_over_the_limit_only_peoples_forms_and_their_pages_files_are_let_in(
    method: str, path: str, headers: dict[str, str], is_let_in: bool
) -> None:
    app = HeldApp()
    async with asking(guarded(app, requests_max=1)) as http, held(app, lambda: http.get("/held"), 1):
        answer = await http.request(method, path, headers=headers)
        assert (answer.text == "too-busy") == is_let_in


async def test_one_client_is_held_to_its_share_and_others_are_not() -> None:
    app = HeldApp()
    guard = guarded(app, client_requests_max=2)
    async with asking(guard) as crowd, asking(guard, "203.0.113.2") as other, held(app, lambda: crowd.get("/held"), 2):
        refused = await crowd.get("/any")
        assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")
        assert int(refused.headers["retry-after"]) > 0
        assert (await other.get("/any")).text == "taken"


async def test_one_client_cannot_take_the_page_from_everybody() -> None:
    app = HeldApp()
    guard = guarded(app, requests_max=2, client_requests_max=1, forms_given_back_max=4)
    async with (
        asking(guard) as crowd,
        asking(guard, "203.0.113.2") as other,
        held(app, lambda: crowd.get("/held"), 1),
        held(app, lambda: crowd.post(f"{FORM}?held", headers=PERSON), 2),
    ):
        assert (await crowd.post(FORM, headers=PERSON)).text.startswith("<h1>")
        assert (await other.get("/any")).text == "taken"


async def test_clients_are_forgotten_when_they_are_answered() -> None:
    app = HeldApp()
    app.let_go.set()
    guard = guarded(app)
    for number in range(300):
        async with asking(guard, f"2001:db8:0:{number:x}::1") as http:
            await http.get("/held")
    assert guard.clients_remembered == 0


async def test_each_refusal_is_counted_by_its_reason() -> None:
    app, registry = HeldApp(), CollectorRegistry()
    guard = guarded(app, registry, requests_max=2, client_requests_max=1)
    async with asking(guard) as one, asking(guard, "203.0.113.2") as two, held(app, lambda: one.get("/held"), 1):
        await one.get("/any")
        app.let_go.clear()
        async with held(app, lambda: two.get("/held"), 1):
            await one.get("/any")
            await one.post(FORM, headers=PERSON)

    def count(reason: str, answer: str) -> float | None:
        return registry.get_sample_value("http_refused_total", {"reason": reason, "answer": answer})

    assert count("client_crowded", "plain") == 1
    assert count("crowded", "plain") == 1
    assert count("crowded", "given_back") == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.1", "203.0.113.2", False),
        ("203.0.113.1", "::ffff:203.0.113.1", True),
        ("2001:db8:1:2::5", "2001:db8:1:2:ffff::9", True),
        ("2001:DB8:1:2::5", "2001:db8:1:2::5", True),
        ("2001:db8:1:2::5", "2001:db8:1:3::5", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("not:an:address", "not:another", False),
    ],
)
def test_a_client_is_an_address_or_an_ipv6_network(one: str, other: str, same: bool) -> None:
    assert (client_of({"client": (one, 1)}) == client_of({"client": (other, 2)})) == same


def test_a_client_without_an_address_is_a_client_too() -> None:
    assert client_of({"client": None}) == client_of({}) == ""
    assert len(client_of({"client": ("x" * 5000, 1)})) < 100


async def forwarded(trusted: str, comes_from: str, crowd_says: str, somebody_says: str) -> httpx.Response:
    """What `somebody` hears while a crowd fills its one place; both connect from one address, behind uvicorn's part."""
    app = HeldApp()
    guard = guarded(app, client_requests_max=1, own=trusted_networks(trusted))
    uvicorn_does = ProxyHeadersMiddleware(guard, trusted)  # type: ignore[arg-type]
    async with asking(uvicorn_does, comes_from) as http:  # type: ignore[arg-type]
        crowd = {"X-Forwarded-For": crowd_says}
        async with held(app, lambda: http.get("/held", headers=crowd), 1):
            return await http.get("/any", headers={"X-Forwarded-For": somebody_says})


async def test_what_a_stranger_says_of_its_address_is_not_believed() -> None:
    answer = await forwarded("127.0.0.1", "203.0.113.9", "198.51.100.1", "198.51.100.2")
    assert answer.status_code == 429


async def test_what_the_gateway_says_of_an_address_is_believed() -> None:
    assert (await forwarded("10.0.0.0/8", "10.1.2.3", "198.51.100.1", "198.51.100.2")).text == "taken"
    assert (await forwarded("10.0.0.0/8", "10.1.2.3", "198.51.100.1", "198.51.100.1")).status_code == 429


async def test_an_address_that_a_client_puts_before_its_own_is_not_believed() -> None:
    answer = await forwarded("10.0.0.1", "10.0.0.1", "1.1.1.1, 198.51.100.1", "2.2.2.2, 198.51.100.1")
    assert answer.status_code == 429


async def test_a_proxy_of_ours_is_not_a_client() -> None:
    app = HeldApp()
    guard = guarded(app, client_requests_max=1, own=trusted_networks("127.0.0.1, 10.0.0.0/8"))
    async with asking(guard, "10.9.9.9") as http, held(app, lambda: http.get("/held"), 3):
        assert (await http.get("/any")).text == "taken"


def test_trust_in_all_proxies_makes_nobody_one_of_ours() -> None:
    assert trusted_networks("*") == ()
