"""What papers of a case say, and what their codes say to a phone."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.cases.front_views import CaseLine, FrontView
from services.cases.paper_data import codes_of, file_name, kit_data, poster_data, sheet_data, shortened
from services.cases.qr_codes import QUIET_ZONE_MODULES, png_code, svg_code
from services.cases.tables import CaseStatus
from services.cases.views import CaseView, TargetView
from shared.paper.sizes import Paper
from shared.paper.typesetting import compile_template
from shared.web.tongues import Tongue
from tests.support.events import MINISTRY, NOW
from tests.support.qr_reader import quiet_zone, read_qr

SITE, SPANISH = "https://letters.example", Tongue("es", "/es")
SAME: dict[str, Any] = {
    "slug": "a-test-case",
    "title": "A Test Case",
    "person": None,
    "country": "PK",
    "summary": "What is at stake.",
    "language": "en",
    "translations": {},
    "status": CaseStatus.OPEN,
    "closes_at": datetime(2030, 12, 31, tzinfo=UTC),
    "discreet": False,
    "offline": (),
}


def a_case(**changes: Any) -> CaseView:
    rest: dict[str, Any] = {
        "revision": 1,
        "campaign": "c",
        "campaign_name": "C",
        "proof_of_work": False,
        "risky_countries": (),
        "story": "What happened.\n\nThen.",
        "demands": ("Let them go.",),
        "closed_at": None,
        "published_at": NOW,
        "channels": (),
        "targets": (),
        "letters": (),
        "updates": (),
        "messages": (),
        "solidarity_advice": None,
        "totals": None,
        "read_at": NOW,
    }
    return CaseView(**(SAME | rest | changes))


def _target(values: dict[str, Any]) -> TargetView:
    return TargetView(id=MINISTRY.id, **values)


@pytest.mark.parametrize("slug", ["a", "a-test-case", "a-much-longer-name-of-a-case"])
def test_a_phone_reads_the_address_out_of_the_code(slug: str) -> None:
    address = f"{SITE}/ar/cases/{slug}"
    picture = png_code(address)
    assert read_qr(picture) == address
    assert quiet_zone(picture) >= QUIET_ZONE_MODULES


@pytest.mark.parametrize("paper", Paper)
def test_a_phone_reads_the_address_off_a_poster(paper: Paper) -> None:
    """As it is set: all other words in black are taken away, so that the code is the only dark thing."""
    data = poster_data(a_case(), SPANISH, SITE, paper)
    data["link"] = data["link"] | {"scan": "", "shown": ""}
    data |= {"closing": "", "site": "", "codes": {address: svg_code(address) for address in codes_of(data)}}
    assert read_qr(compile_template("poster", data, "png", 100)) == f"{SITE}/es/cases/a-test-case"


def test_a_sheet_holds_what_a_writer_needs() -> None:
    target = {"name": MINISTRY.name, "country": "PK", "email": "a@b.example", "post_address": "1 Road", "handle": None}
    sheet = sheet_data(a_case(targets=(_target(target),)), SPANISH, SITE, Paper.LETTER)
    assert sheet["paper"] == "us-letter"
    assert sheet["case"]["story"] == ["What happened.", "Then."]
    assert sheet["case"]["country"] == "Pakistán"
    assert (sheet["targets"][0]["email"], sheet["targets"][0]["address"]) == ("a@b.example", "1 Road")
    assert sheet["closing"] == "Abierto hasta el 31 de diciembre de 2030."
    assert sheet["link"]["shown"] == "letters.example/cases/a-test-case"
    assert sheet["more"] == ""


def test_an_officials_name_runs_as_it_is_written() -> None:
    names = {"وزارة الدفاع": "rtl", "Ministry": "ltr", "1. وزارة": "rtl", "42": "ltr"}
    values: dict[str, Any] = {"country": "PK", "email": None, "post_address": None, "handle": None}
    sheet = sheet_data(
        a_case(targets=tuple(_target({"name": name} | values) for name in names)), SPANISH, SITE, Paper.A4
    )
    assert {target["name"]: target["direction"] for target in sheet["targets"]} == names


def test_a_discreet_case_is_named_on_no_poster_and_in_no_kit() -> None:
    quiet = a_case(discreet=True)
    line = CaseLine(**(SAME | {"discreet": True}), outcome=None, collected=None)
    kit = kit_data(FrontView(None, (line,), None, NOW), SPANISH, SITE, Paper.A4)
    for told in (poster_data(quiet, SPANISH, SITE, Paper.A4), kit):
        seen = str(told).replace(f"{SITE}/es/cases/a-test-case", "")
        assert not any(words in seen for words in ("A Test Case", "at stake", "a-test-case", "Pakist"))
    assert sheet_data(quiet, SPANISH, SITE, Paper.A4)["document"] == "Escribe por los derechos"
    assert file_name("sheet", Paper.A4, quiet) == "sheet-a4.pdf"
    assert file_name("sheet", Paper.A4, a_case()) == "a-test-case-sheet-a4.pdf"


@pytest.mark.parametrize(
    ("paragraphs", "room", "kept"),
    [
        (["one two", "three"], 12, ["one two", "three"]),
        (["one two", "three"], 7, ["one two"]),
        (["one two", "three four"], 13, ["one two", "three …"]),
        (["one two three"], 9, ["one two …"]),
        ([], 9, []),
    ],
)
def test_a_long_story_ends_after_a_whole_word(paragraphs: list[str], room: int, kept: list[str]) -> None:
    assert shortened(paragraphs, room) == kept


def test_a_shortened_story_says_where_the_rest_is() -> None:
    assert sheet_data(a_case(story="word " * 5_000), SPANISH, SITE, Paper.A4)["more"]
