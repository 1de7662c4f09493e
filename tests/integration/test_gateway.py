"""The gateway sends every path to the service it belongs to, and adds nothing of its own but care."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from deploy.local.gateway import LocalGateway
from deploy.local.ports import free_port
from deploy.routes import HIDDEN, ROUTES, Service, service_for
from services.cases.live_counts import QUIET_SECONDS_MAX
from services.cases.variants import VARIANTS_MAX
from shared.languages import LANGUAGES, preferred
from tests.support.echo_service import EchoService
from tests.support.servers import skip_unless_installed
from tests.support.until import until

ROOT = Path(__file__).parents[2]
CLIENT_REQUESTS_MAX = 100
PATHS = [
    "/",
    "/cases/idris-khattak",
    "/api/v1/cases",
    "/api/v1/cases/idris-khattak/count/stream",
    "/static/site.css",
    "/opsy",
    "/actionsx",
    "/api/v1/lettersx",
    "/healthy",
    *(route.prefix for route in ROUTES),
    *(f"{route.prefix}/below" for route in ROUTES),
    *(f"{route.prefix}?page=2" for route in ROUTES),
]


@dataclass
class Gateway:
    url: str
    services: dict[Service, EchoService]

    @property
    def cases(self) -> EchoService:
        return self.services[Service.CASES]


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    services = {service: EchoService(service.value) for service in Service}
    for service in services.values():
        await service.start()
    with skip_unless_installed():
        nginx = LocalGateway(tmp_path, free_port(), {name: echo.port for name, echo in services.items()})
    nginx.start()
    yield Gateway(nginx.url, services)
    nginx.stop()
    for service in services.values():
        await service.stop()


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as client:
        yield client


def test_nginx_finds_nothing_wrong_with_the_configuration(tmp_path: Path) -> None:
    with skip_unless_installed():
        gateway = LocalGateway(tmp_path, free_port(), dict.fromkeys(Service, 1))
    said = gateway.check()
    assert "test is successful" in said
    assert "[warn]" not in said


@pytest.mark.parametrize("prefix", HIDDEN)
async def test_health_and_metrics_are_not_for_the_outside(
    client: httpx.AsyncClient, gateway: Gateway, prefix: str
) -> None:
    for path in (prefix, f"{prefix}/ready", f"/cases/..{prefix}", f"/{prefix}", f"/%{ord(prefix[1]):x}{prefix[2:]}"):
        answer = await client.get(httpx.URL(gateway.url).copy_with(raw_path=path.encode()))
        assert answer.status_code == 404, path
    assert gateway.cases.seen == []


def test_it_waits_longer_than_a_line_with_nothing_new_is_silent() -> None:
    template = (ROOT / "deploy" / "gateway" / "nginx.conf.template").read_text()
    place = template[template.index("limit_conn listeners 20") :]
    waits = re.search(r"proxy_read_timeout (\d+)s", place[: place.index("}")])
    slowest_look_seconds = 10
    assert waits
    assert int(waits[1]) > QUIET_SECONDS_MAX + slowest_look_seconds


async def test_every_path_reaches_the_service_it_belongs_to(client: httpx.AsyncClient) -> None:
    reached = {path: (await client.get(path)).json()["service"] for path in PATHS}
    assert reached == {path: service_for(path.partition("?")[0]) for path in PATHS}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_language_of_a_page_is_answered_by_its_service(client: httpx.AsyncClient, language: str) -> None:
    paths = [f"/{language}{path.partition('?')[0]}" for path in PATHS]
    reached = {path: (await client.get(path)).json()["service"] for path in paths}
    assert reached == {path: service_for(path) for path in paths}
    letter = {"body": "خط" * 10_000}
    assert (await client.post(f"/{language}/actions", data=letter)).status_code == 200


@pytest.mark.parametrize(
    "browser", ["", "en-GB", "es-MX,es;q=0.9,en;q=0.8", "de, FR;q=0.5", "arz,ar;q=0.7", "ur-PK", "este,und"]
)
async def test_services_are_told_the_first_language_of_ours_and_no_more(
    client: httpx.AsyncClient, browser: str
) -> None:
    asked = {"Accept-Language": browser} if browser else {"Accept-Language": ""}
    heard = (await client.get("/", headers=asked)).json()["headers"]
    assert heard["accept-language"].lower() == preferred(browser)
    assert "accept-language" not in (await client.get("/fr/", headers=asked)).json()["headers"]
    assert "accept-language" not in (await client.get("/api/v1/cases", headers=asked)).json()["headers"]


async def test_no_language_is_kept_for_readers_of_another(gateway: Gateway, client: httpx.AsyncClient) -> None:
    gateway.cases.headers = {"Cache-Control": "public, max-age=60", "Vary": "Accept-Language"}
    for browser, cached in (("es", "MISS"), ("en", "MISS"), ("es-AR,en", "HIT"), ("en-US,es", "HIT"), ("de", "HIT")):
        answer = await client.get("/cases/kept", headers={"Accept-Language": browser})
        assert answer.headers["x-cache"] == cached, browser


async def test_visitors_get_different_letters_and_each_the_same_again(
    gateway: Gateway, client: httpx.AsyncClient
) -> None:
    gateway.cases.headers = {"Cache-Control": "public, max-age=60"}

    async def page_for(number: int, path: str = "/fr/cases/kept") -> httpx.Response:
        asked = {"X-Forwarded-For": f"203.0.113.{number}", "User-Agent": "A Browser", "X-Letter-Variant": "99"}
        return await client.get(path, headers=asked)

    first = [await page_for(number) for number in range(1, 120)]
    told = [answer.json()["headers"]["x-letter-variant"] for answer in first]
    assert set(told) == {str(number) for number in range(VARIANTS_MAX)}, "as many as there are, whatever they pretend"
    assert len(gateway.cases.seen) == VARIANTS_MAX, "one copy of each is kept"
    again = [await page_for(number) for number in range(1, 120)]
    assert [answer.text for answer in again] == [answer.text for answer in first]
    for path in ("/", "/cases", "/cases/kept/card.png", "/api/v1/cases/kept"):
        assert "x-letter-variant" not in (await page_for(1, path)).json()["headers"]


async def test_the_path_and_the_query_arrive_as_they_were_sent(client: httpx.AsyncClient) -> None:
    answer = await client.get("/cases/a%2Fb?q=%C3%A9+x")
    assert answer.json()["request"] == "GET /cases/a%2Fb?q=%C3%A9+x HTTP/1.1"


async def test_services_learn_who_asks_and_a_caller_cannot_pretend(client: httpx.AsyncClient) -> None:
    answer = await client.get("/", headers={"X-Forwarded-Host": "evil.example", "Host": "letters.example"})
    heard = answer.json()["headers"]
    assert heard["host"] == "letters.example"
    assert heard["x-forwarded-host"] == "letters.example"
    assert heard["x-forwarded-for"] == "127.0.0.1"
    assert heard["x-forwarded-proto"] == "http"


async def test_a_trace_goes_on_through_the_gateway(client: httpx.AsyncClient) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = await client.post("/api/v1/actions", headers={"traceparent": trace, "Idempotency-Key": "k"})
    assert answer.json()["headers"]["traceparent"] == trace
    assert answer.json()["headers"]["idempotency-key"] == "k"


async def test_a_request_over_64_kb_is_refused_before_it_reaches_a_service(
    client: httpx.AsyncClient, gateway: Gateway
) -> None:
    fits = await client.post("/api/v1/actions", content=b"x" * 65536)
    refused = await client.post("/api/v1/actions", content=b"x" * 65537)
    assert fits.status_code == 200
    assert refused.status_code == 413
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"].endswith("/too-large")
    assert len(gateway.services[Service.ACTIONS].seen) == 1


async def test_a_form_may_be_three_times_as_long_for_it_triples_what_is_not_ascii(client: httpx.AsyncClient) -> None:
    letter = {"body": "خط" * 10_000}
    assert (await client.post("/actions", data=letter)).status_code == 200
    assert (await client.post("/actions", content=b"x" * (192 * 1024 + 1))).status_code == 413


@pytest.mark.parametrize(
    ("crowd", "same", "other"),
    [("203.0.113.5", "203.0.113.5", "203.0.113.6"), ("2001:db8:1:2::5", "2001:db8:1:2:9:9:9:9", "2001:db8:1:3::5")],
)
async def test_one_client_has_so_many_requests_at_once_and_others_theirs(
    gateway: Gateway, crowd: str, same: str, other: str
) -> None:
    gateway.cases.let_go = asyncio.Event()
    limits = httpx.Limits(max_connections=CLIENT_REQUESTS_MAX + 10)
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False, limits=limits) as client:

        def ask(address: str, path: str) -> Awaitable[httpx.Response]:
            return client.get(path, headers={"X-Forwarded-For": address})

        asked = [asyncio.ensure_future(ask(crowd, f"/{number}")) for number in range(CLIENT_REQUESTS_MAX)]
        await until(lambda: len(gateway.cases.seen) == CLIENT_REQUESTS_MAX)
        problem, page = await ask(same, "/api/v1/actions"), await ask(same, "/actions")
        assert (problem.status_code, problem.headers["content-type"]) == (429, "application/problem+json")
        assert page.status_code == 429
        assert "your words are still in the form" in page.text
        assert problem.headers["retry-after"] == page.headers["retry-after"]
        assert (await ask(other, "/api/v1/actions")).status_code == 200
        gateway.cases.let_go.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}


async def test_connections_to_a_service_are_used_again(client: httpx.AsyncClient, gateway: Gateway) -> None:
    for _ in range(10):
        await client.post("/actions")
    actions = gateway.services[Service.ACTIONS]
    assert len(actions.seen) == 10
    assert actions.connections <= 2


async def test_a_page_is_fetched_once_while_it_may_be_kept(client: httpx.AsyncClient, gateway: Gateway) -> None:
    gateway.cases.headers = {"Cache-Control": "public, max-age=60", "ETag": '"one"'}
    kept = [await client.get("/cases/idris-khattak") for _ in range(5)]
    assert len(gateway.cases.seen) == 1
    assert kept[-1].headers["x-cache"] == "HIT"
    assert kept[-1].headers["etag"] == '"one"'
    again = await client.get("/cases/idris-khattak", headers={"If-None-Match": '"one"'})
    assert again.status_code == 304
    assert len(gateway.cases.seen) == 1


@pytest.mark.parametrize("control", ["no-store", "private, max-age=60", "no-cache", "max-age=0"])
async def test_what_must_not_be_kept_is_not(client: httpx.AsyncClient, gateway: Gateway, control: str) -> None:
    gateway.cases.headers = {"Cache-Control": control}
    for _ in range(3):
        await client.get("/cases/idris-khattak")
    assert len(gateway.cases.seen) == 3


@pytest.mark.parametrize("path", ["/receipts/abc", "/api/v1/receipts/abc", "/ops/letters", "/actions"])
async def test_only_pages_of_cases_are_ever_kept(client: httpx.AsyncClient, gateway: Gateway, path: str) -> None:
    owner = gateway.services[service_for(path)]
    owner.headers = {"Cache-Control": "public, max-age=60"}
    await client.get(path)
    await client.get(path)
    assert len(owner.seen) == 2


@pytest.mark.parametrize(
    ("path", "control"),
    [
        ("/cases/withdrawn", "max-age=2"),
        # What a browser may keep for a year is asked for again by the gateway: see docs/decisions/pictures.md.
        ("/pictures/withdrawn.webp", "public, max-age=31536000, s-maxage=2, immutable"),
    ],
)
async def test_a_kept_answer_is_not_shown_when_its_time_is_up_and_the_service_away(
    client: httpx.AsyncClient, gateway: Gateway, path: str, control: str
) -> None:
    gateway.cases.headers = {"Cache-Control": control, "ETag": '"one"'}
    await client.get(path)
    await gateway.cases.stop()
    assert (await client.get(path)).status_code == 200

    async def is_gone() -> bool:
        return (await client.get(path)).status_code == 503

    assert await until(is_gone, timeout_seconds=5)


async def test_a_service_that_is_away_is_told_of_in_the_callers_own_language(
    client: httpx.AsyncClient, gateway: Gateway
) -> None:
    for service in gateway.services.values():
        await service.stop()
    page = await client.get("/cases/idris-khattak")
    problem = await client.post("/api/v1/actions")
    for answer in (page, problem):
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "10"
        assert answer.headers["cache-control"] == "no-store"
    assert "your words are still in the form" in page.text.replace("\n", " ")
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["type"].endswith("/away")


async def test_a_services_own_refusal_passes_as_it_is(client: httpx.AsyncClient, gateway: Gateway) -> None:
    actions = gateway.services[Service.ACTIONS]
    actions.status, actions.headers = "503 Service Unavailable", {"Retry-After": "2"}
    answer = await client.post("/api/v1/actions")
    assert answer.headers["retry-after"] == "2"
    assert answer.json()["service"] == "actions"


async def test_answers_do_not_tell_the_servers_version(client: httpx.AsyncClient) -> None:
    assert (await client.get("/")).headers["server"] == "nginx"


async def test_the_log_holds_no_path(client: httpx.AsyncClient, tmp_path: Path) -> None:
    await client.get("/receipts/very-secret-token")
    file = tmp_path / "gateway.log"
    await until(lambda: '"service":"actions"' in file.read_text(), 10)  # it is written after the answer
    log = file.read_text()
    assert "very-secret-token" not in log


def test_routes_match_whole_segments_only() -> None:
    assert service_for("/ops") is service_for("/ops/letters") is Service.DELIVERY
    assert service_for("/opsy") is Service.CASES
