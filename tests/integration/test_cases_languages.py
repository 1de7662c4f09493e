"""Pages in the language of who reads: the interface always, a case as far as it was translated."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.cases.wiring import Wiring
from shared.languages import LANGUAGES
from tests.support.cases_folders import CAMPAIGN, CASE, WON, change, write_campaign
from tests.support.cases_service import cases_service, reader_of

IN_SPANISH = """\
translations:
  es:
    title: Un caso de prueba
    summary: Una frase que dice lo que está en juego.
    story: Lo que pasó.
    demands:
      - Que queden en libertad.
"""
CAMPAIGN_IN_SPANISH = """\
translations:
  es:
    name: Escribe por los derechos
    summary: Cartas por personas en riesgo.
"""
FREE = "    text: They are free.\n"
WON_CASE = change(
    CASE + IN_SPANISH + WON,
    ("slug: a-test-case", "slug: a-won-case"),
    ("title: A Test Case", "status: won\ntitle: A Test Case"),
    (FREE, FREE + "    translations: {es: Están en libertad.}\n"),
)
SITE = "https://letters.example"


@pytest.fixture
async def cases(database_url: str, tmp_path: Path) -> AsyncIterator[Wiring]:
    async with cases_service(database_url) as wiring:
        folder = write_campaign(
            tmp_path / "campaign",
            CAMPAIGN + CAMPAIGN_IN_SPANISH,
            a_test_case=CASE + IN_SPANISH,
            a_won_case=WON_CASE,
        )
        await wiring.publishing.import_folder(folder)
        yield wiring


@pytest.fixture
async def reader(cases: Wiring) -> AsyncIterator[httpx.AsyncClient]:
    async with reader_of(cases) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/cases/a-test-case", "/cases/a-won-case", "/cases/nobody"])
@pytest.mark.parametrize(
    ("language", "direction", "said"),
    [
        ("en", "ltr", "How it works"),
        ("es", "ltr", "Cómo funciona"),
        ("fr", "ltr", "Comment ça marche"),
        ("ar", "rtl", "كيف يعمل الموقع"),
        ("ur", "rtl", "یہ کیسے کام کرتا ہے"),
    ],
)
async def test_every_page_speaks_the_language_of_its_address(
    reader: httpx.AsyncClient, path: str, language: str, direction: str, said: str
) -> None:
    page = (await reader.get(f"/{language}{path}", headers={"Accept": "text/html"})).text
    assert f'<html lang="{language}" dir="{direction}">' in page
    assert said in page
    inside = set(re.findall(r'(?:href|action)="(/[^"]*)"', page)) - {f"/{other}{path}" for other in LANGUAGES}
    assert all(link.startswith((f"/{language}/", "/static/", "/api/")) for link in inside), inside


async def test_an_address_without_a_language_leads_to_the_readers_own(reader: httpx.AsyncClient) -> None:
    asked = await reader.get("/cases/a-test-case?partner=x", headers={"Accept-Language": "ar-EG,en;q=0.5"})
    assert asked.status_code == 302
    assert asked.headers["location"] == "/ar/cases/a-test-case?partner=x"
    assert asked.headers["cache-control"].startswith("private")
    assert asked.headers["vary"] == "Accept-Language"
    english = await reader.get("/cases/a-test-case", headers={"Accept-Language": "en-GB,ar;q=0.5"})
    assert english.status_code == 200


async def test_who_chose_a_language_is_asked_no_more(reader: httpx.AsyncClient) -> None:
    page = await reader.get("/en/", headers={"Accept-Language": "ar"})
    assert page.status_code == 200
    assert 'lang="en"' in page.text


async def test_a_redirect_never_leaves_the_site(reader: httpx.AsyncClient) -> None:
    asked = await reader.get(httpx.URL("http://test//evil.example/"), headers={"Accept-Language": "es"})
    assert asked.headers["location"].startswith("/es/")


async def test_the_api_has_no_language(reader: httpx.AsyncClient) -> None:
    assert (await reader.get("/api/v1/cases", headers={"Accept-Language": "ar"})).status_code == 200
    assert (await reader.get("/ar/api/v1/cases")).status_code == 404


async def test_a_translated_case_is_read_in_its_translation(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/es/cases/a-test-case")).text
    for words in ("Un caso de prueba", "lo que está en juego", "Lo que pasó.", "Que queden en libertad."):
        assert words in page
    assert "A Test Case" not in page
    assert "Están en libertad." in (await reader.get("/es/cases/a-won-case")).text
    front = (await reader.get("/es/")).text
    assert "Cartas por personas en riesgo." in front
    assert front.count("Un caso de prueba") == 2
    assert "Están en libertad." in front


async def test_what_is_not_translated_is_marked_as_what_it_is(reader: httpx.AsyncClient) -> None:
    """A screen reader then changes its voice, and the line its direction."""
    page = (await reader.get("/ar/cases/a-test-case")).text
    assert '<h1 class="stamp-name" lang="en" dir="ltr">A Test Case</h1>' in page
    assert '<p lang="en" dir="ltr">What happened.</p>' in page
    assert "باكستان" in page


async def test_the_letter_is_in_the_language_of_the_page_where_there_is_one(reader: httpx.AsyncClient) -> None:
    assert "محترم وزیر،" in (await reader.get("/ur/cases/a-test-case")).text
    assert "Dear Minister," in (await reader.get("/fr/cases/a-test-case")).text
    assert "Dear Minister," in (await reader.get("/ur/cases/a-test-case?letter=en")).text


async def test_search_engines_are_told_of_every_language(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/fr/cases/a-test-case")).text
    assert f'<link rel="canonical" href="{SITE}/fr/cases/a-test-case">' in page
    told = dict(re.findall(r'<link rel="alternate" hreflang="([^"]+)" href="([^"]+)">', page))
    assert told == {language: f"{SITE}/{language}/cases/a-test-case" for language in LANGUAGES} | {
        "x-default": f"{SITE}/cases/a-test-case"
    }


async def test_a_case_is_found_by_words_of_the_language_of_the_page(reader: httpx.AsyncClient) -> None:
    assert "Un caso de prueba" in (await reader.get("/es/?q=está en juego pakistán")).text
    assert "Un caso de prueba" not in (await reader.get("/es/?q=at stake")).text


async def test_a_translation_that_names_who_must_not_be_named_is_refused(cases: Wiring, tmp_path: Path) -> None:
    text = change(CASE + IN_SPANISH, ("name_and_story", "story_without_name"), ("Lo que pasó.", "A Somebody."))
    with pytest.raises(Exception, match=r"translations\.es\.story names the person"):
        await cases.publishing.import_folder(write_campaign(tmp_path / "other", a_test_case=text))
