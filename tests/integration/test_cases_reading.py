"""What readers get: pages and JSON that caches can carry, a form that works alone, and nothing of who withdrew."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cases.ledger import count_events
from services.cases.wiring import Wiring
from shared.clock import ManualClock
from shared.messages.cases import ClosedReason
from shared.messages.envelope import derived_id
from tests.support.cases_folders import CASE, WON, change, write_campaign
from tests.support.cases_service import cases_service, reader_of
from tests.support.events import an_accepted_action

PAGES = ["/", "/cases/a-test-case", "/cases/a-test-case?letter=ur"]
ANSWERS = ["/api/v1/cases", "/api/v1/cases/a-test-case", "/api/v1/cases/a-test-case/ledger"]
WON_CASE = change(CASE + WON, ("slug: a-test-case", "slug: a-won-case"), ("title:", "status: won\ntitle:"))


class Fields(HTMLParser):
    """The fields of the form that posts to /actions, as a browser would find them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.form: dict[str, str | None] = {}
        self.found: list[dict[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "form":
            self.form = dict(attrs)
        if tag in {"input", "select", "textarea", "button"}:
            self.found.append({"tag": tag, **dict(attrs)})

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [field for field in self.found if field.get("name") == name]


@pytest.fixture
async def cases(tmp_path: Path) -> AsyncIterator[Wiring]:
    async with cases_service(f"sqlite+aiosqlite:///{tmp_path / 'cases.db'}", country_count_min=2) as wiring:
        await wiring.publishing.import_folder(
            write_campaign(tmp_path / "campaign", a_test_case=CASE, a_won_case=WON_CASE)
        )
        yield wiring


@pytest.fixture
async def reader(cases: Wiring) -> AsyncIterator[httpx.AsyncClient]:
    async with reader_of(cases) as client:
        yield client


def time_passes(cases: Wiring, seconds: float = 10) -> None:
    assert isinstance(cases.clock, ManualClock)
    cases.clock.advance(timedelta(seconds=seconds))


@pytest.mark.parametrize("path", PAGES + ANSWERS)
async def test_an_answer_is_carried_by_any_cache(reader: httpx.AsyncClient, path: str) -> None:
    answer = await reader.get(path)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=10, stale-while-revalidate=20"
    assert re.fullmatch(r'"[0-9a-f]{32}"', answer.headers["etag"])
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_depends_on_the_language_of_who_asks_and_on_nothing_else(
    reader: httpx.AsyncClient, path: str
) -> None:
    assert (await reader.get(path)).headers["vary"] == "Accept-Language"
    assert "vary" not in (await reader.get(f"/es{path}")).headers


@pytest.mark.parametrize("path", ANSWERS)
async def test_an_answer_in_json_is_the_same_for_everybody(reader: httpx.AsyncClient, path: str) -> None:
    assert "vary" not in (await reader.get(path)).headers


@pytest.mark.parametrize("path", PAGES + ANSWERS)
async def test_whoever_has_it_already_gets_304(reader: httpx.AsyncClient, path: str) -> None:
    etag = (await reader.get(path)).headers["etag"]
    for held in (etag, f'"other", W/{etag}', "*"):
        again = await reader.get(path, headers={"If-None-Match": held})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert (await reader.get(path, headers={"If-None-Match": '"other"'})).status_code == 200


@pytest.mark.parametrize("path", PAGES + ANSWERS)
async def test_head_tells_what_get_would(reader: httpx.AsyncClient, path: str) -> None:
    head, get = await reader.head(path), await reader.get(path)
    for name in ("etag", "content-length", "content-type", "cache-control"):
        assert head.headers[name] == get.headers[name]


async def test_the_same_page_has_the_same_etag_until_it_changes(
    cases: Wiring, reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    first = await reader.get("/cases/a-test-case")
    time_passes(cases)
    assert (await reader.get("/cases/a-test-case")).headers["etag"] == first.headers["etag"]
    changed = write_campaign(tmp_path / "campaign", a_test_case=change(CASE, ("Let them go.", "Let them go now.")))
    await cases.publishing.import_folder(changed)
    time_passes(cases)
    later = await reader.get("/cases/a-test-case")
    assert later.headers["etag"] != first.headers["etag"]
    assert "Let them go now." in later.text


async def test_hot_pages_are_shown_while_the_database_is_away(
    cases: Wiring, reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    await reader.get("/cases/a-test-case")
    await cases.close()
    (tmp_path / "cases.db").rename(tmp_path / "gone.db")
    (tmp_path / "cases.db").mkdir()
    time_passes(cases)
    assert (await reader.get("/cases/a-test-case")).status_code == 200
    assert (await reader.get("/cases/a-won-case")).status_code == 503


async def test_the_form_has_the_fields_that_the_intake_reads(reader: httpx.AsyncClient) -> None:
    fields = Fields((await reader.get("/cases/a-test-case?utm_source=newsletter&utm_medium=email")).text)
    assert (fields.form["method"], fields.form["action"]) == ("post", "/actions")
    values = {"case": "a-test-case", "channel": "email", "nonce": "a-test-case-1", "language": "en"}
    for name, value in (values | {"source": "utm_source=newsletter&utm_medium=email"}).items():
        (field,) = fields.named(name)
        assert (field["type"], field["value"]) == ("hidden", value)
    for name in ("name", "email", "country", "subject", "body"):
        (field,) = fields.named(name)
        assert "required" in field
    (target,) = fields.named("targets")
    assert (target["type"], target["value"], "checked" in target) == (
        "checkbox",
        str(derived_id("target", "ministry")),
        True,
    )
    for name in ("hide_email", "opt_in"):
        (field,) = fields.named(name)
        assert (field["type"], "checked" in field) == ("checkbox", False)


async def test_what_a_link_says_of_its_source_is_taken_only_if_it_is_plain(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/cases/a-test-case", params={"utm_source": '"><script>'})).text
    assert Fields(page).named("source") == []
    assert "<script>" not in page


async def test_every_field_has_a_label_and_an_id_of_its_own(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/cases/a-test-case")).text
    shown = [field for field in Fields(page).found if field.get("type") != "hidden" and field["tag"] != "button"]
    ids = [field["id"] for field in shown]
    assert len(set(ids)) == len(ids)
    assert set(ids) <= set(re.findall(r'<label for="([^"]+)"', page))


async def test_a_letter_in_urdu_runs_from_right_to_left(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/cases/a-test-case?letter=ur")).text
    for name in ("subject", "body"):
        (field,) = Fields(page).named(name)
        assert (field["lang"], field["dir"]) == ("ur", "rtl")
    assert "محترم وزیر،" in page
    assert Fields(page).named("language")[0]["value"] == "ur"
    assert re.search(r'<a href="\?letter=ur#write"[^>]*aria-current="true">اردو</a>', page)


async def test_a_language_that_has_no_letter_gets_the_first(reader: httpx.AsyncClient) -> None:
    page = await reader.get("/cases/a-test-case?letter=xx")
    assert page.headers["etag"] == (await reader.get("/cases/a-test-case")).headers["etag"]


async def test_a_finished_case_shows_its_outcome_and_its_date_and_no_form(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/cases/a-won-case")).text
    assert "They are free." in page
    assert "January 2021" in page
    assert "400,000 actions" in page
    assert "reported by A Partner" in page
    assert Fields(page).found == []


async def test_a_case_past_its_closing_date_takes_no_letters_even_before_the_chore(
    cases: Wiring, reader: httpx.AsyncClient
) -> None:
    time_passes(cases, 5 * 365 * 24 * 3600)
    page = (await reader.get("/cases/a-test-case")).text
    assert "This case is closed" in page
    assert Fields(page).found == []


@pytest.mark.parametrize(
    "path", ["/cases/a-test-case", "/api/v1/cases/a-test-case", "/api/v1/cases/a-test-case/ledger"]
)
async def test_a_withdrawn_case_is_gone_and_nothing_is_said_of_the_person(
    cases: Wiring, reader: httpx.AsyncClient, path: str
) -> None:
    await cases.publishing.close("a-test-case", ClosedReason.WITHDRAWN)
    answer = await reader.get(path)
    assert answer.status_code == 410
    assert answer.headers["cache-control"] if path.startswith("/cases") else True
    for word in ("Somebody", "A Test Case", "Let them go", "What happened", "Ministry"):
        assert word not in answer.text


async def test_a_withdrawn_case_is_in_no_list(cases: Wiring, reader: httpx.AsyncClient) -> None:
    await cases.publishing.close("a-test-case", ClosedReason.WITHDRAWN)
    assert [case["slug"] for case in (await reader.get("/api/v1/cases")).json()["cases"]] == ["a-won-case"]
    assert "a-test-case" not in (await reader.get("/")).text


@pytest.mark.parametrize("path", ["/cases/nobody", "/cases/%00", "/cases/" + "x" * 200])
async def test_an_unknown_case_is_404_as_a_page(reader: httpx.AsyncClient, path: str) -> None:
    answer = await reader.get(path)
    assert answer.status_code == 404
    assert "There is no such case" in answer.text


@pytest.mark.parametrize("path", ["/api/v1/cases/nobody", "/api/v1/cases/nobody/ledger", "/api/v1/cases/NO%20SUCH"])
async def test_an_unknown_case_is_404_as_a_problem(reader: httpx.AsyncClient, path: str) -> None:
    answer = await reader.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["type"].endswith("/unknown-case")


async def test_the_api_tells_a_case(reader: httpx.AsyncClient) -> None:
    case = (await reader.get("/api/v1/cases/a-test-case")).json()
    assert (case["status"], case["languages"], case["channels"]) == ("open", ["en", "ur"], ["email"])
    assert case["url"] == "https://letters.example/cases/a-test-case"
    assert [letter["dir"] for letter in case["letters"]] == ["ltr", "rtl"]
    assert "note" not in str(case)


async def test_a_nameless_case_gives_no_name(cases: Wiring, reader: httpx.AsyncClient, tmp_path: Path) -> None:
    nameless = change(CASE, ("name_and_story", "story_without_name"), ("slug: a-test-case", "slug: nameless"))
    await cases.publishing.import_folder(write_campaign(tmp_path / "campaign", nameless=nameless))
    answer = await reader.get("/api/v1/cases/nameless")
    assert answer.json()["person"] is None
    assert "Somebody" not in answer.text


async def test_the_ledger_tells_numbers_and_hides_small_countries(cases: Wiring, reader: httpx.AsyncClient) -> None:
    countries = ["PK", "PK", "PK", "NR", "VA"]
    await count_events(
        cases.database,
        [
            an_accepted_action(action_id=derived_id("action", place), supporter={"name": "S", "country": country})
            for place, country in enumerate(countries)
        ],
    )
    ledger: dict[str, Any] = (await reader.get("/api/v1/cases/a-test-case/ledger")).json()
    assert (ledger["collected"], ledger["handed_over"], ledger["offline_reported"]) == (5, 0, 0)
    assert {line["country"]: line["collected"] for line in ledger["by_country"]} == {"PK": 3, "ZZ": 2}
    assert [line["collected"] for line in ledger["by_day"]] == [5]
    assert '<dd class="figure" data-figure="collected">5</dd>' in (await reader.get("/cases/a-test-case")).text


async def test_numbers_from_elsewhere_stand_apart_with_their_source(reader: httpx.AsyncClient) -> None:
    ledger = (await reader.get("/api/v1/cases/a-won-case/ledger")).json()
    assert (ledger["collected"], ledger["offline_reported"]) == (0, 400_000)
    assert ledger["offline"][0]["source"] == "A Partner"
    assert ledger["by_day"] == []


async def test_the_front_page_shows_open_and_won_cases(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/")).text
    open_part, won_part = page.split('id="won"')
    assert "/cases/a-test-case" in open_part
    assert "/cases/a-won-case" in won_part


async def test_before_the_first_import_the_front_page_says_what_to_do(tmp_path: Path) -> None:
    async with cases_service(f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}") as empty, reader_of(empty) as reader:
        page = await reader.get("/")
    assert page.status_code == 200
    assert "python -m services.cases import" in page.text


async def test_one_file_alone_keeps_a_case_from_showing(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/cases/a-test-case")).text
    scripts = re.findall(r"<script src=[^>]*>", page)
    assert len(scripts) > 2
    assert all(script.endswith(" defer>") for script in scripts)
    assert page.count('<link rel="stylesheet"') == 1


async def test_memory_is_bounded_however_many_addresses_are_asked_for(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'cases.db'}"
    async with cases_service(url, page_cache_entries_max=8) as cases, reader_of(cases) as reader:
        await cases.publishing.import_folder(write_campaign(tmp_path / "campaign"))
        for number in range(30):
            await reader.get("/cases/a-test-case", params={"utm_source": f"s{number}"})
            await reader.get(f"/cases/unknown-{number}")
        assert len(cases.reading.answers) == 8
        assert len(cases.reading.views) == 8
