"""Which language a reader gets, what the code says in it, and how it writes numbers, days and countries."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.support import Translations

from services.cases.case_files import CaseFile
from shared.languages import LANGUAGES, SOURCE, preferred, spoken_or_source
from shared.languages.catalogues import translations
from shared.languages.formats import Formats
from shared.languages.saying import in_words, say
from shared.web.tongues import Tongue, without_language


@pytest.mark.parametrize(
    ("browser", "language"),
    [
        ("", "en"),
        ("*", "en"),
        ("de-DE,de;q=0.9", "en"),
        ("de,es;q=0.8,fr;q=0.9", "fr"),
        ("es-MX", "es"),
        ("UR-pk", "ur"),
        ("ar;q=0,es;q=0.1", "es"),
        ("fr;q=strange,es;q=0.1", "es"),
        ("en;q=0.2,ar;q=0.2", "en"),
        ("esperanto", "en"),
        ("x" * 100_000 + ",es", "en"),
    ],
)
def test_a_reader_gets_the_language_they_like_best_of_those_we_speak(browser: str, language: str) -> None:
    assert preferred(browser) == language


@pytest.mark.parametrize(("tag", "language"), [("es", "es"), ("es-MX", "es"), ("pt-BR", "en"), ("", "en")])
def test_a_tag_that_is_not_ours_is_english(tag: str, language: str) -> None:
    assert spoken_or_source(tag) == language


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/", ("/", "")),
        ("/cases/es", ("/cases/es", "")),
        ("/es", ("/", "es")),
        ("/es/", ("/", "es")),
        ("/ar/cases/x", ("/cases/x", "ar")),
        ("/ur/receipts/token/letters/1.pdf", ("/receipts/token/letters/1.pdf", "ur")),
        ("/es/es/cases", ("/es/cases", "es")),
        ("/de/cases/x", ("/de/cases/x", "")),
        ("/estonia", ("/estonia", "")),
        ("/es/api/v1/cases", ("/es/api/v1/cases", "")),
        ("/es/ops/letters", ("/es/ops/letters", "")),
        ("/es/health/ready", ("/es/health/ready", "")),
        ("/es/metrics", ("/es/metrics", "")),
        ("*", ("*", "")),
        ("", ("", "")),
    ],
)
def test_the_language_is_the_first_part_of_a_pages_address_and_of_nothing_else(
    path: str, told: tuple[str, str]
) -> None:
    assert without_language(path) == told


def test_addresses_keep_their_language() -> None:
    assert Tongue("es", "/es").to("/cases/x") == "/es/cases/x"
    assert Tongue().to("/cases/x") == "/cases/x"


class Shouting(Translations):
    """Says everything loudly, so that a test sees what went through it."""

    def ugettext(self, message: str) -> str:
        return message.replace("At most", "NO MORE THAN")


def test_what_the_code_says_is_english_to_programs_and_anything_to_people() -> None:
    said = say("At most %(count)s characters.", count=20_000)
    assert said == "At most 20,000 characters."
    assert in_words(said, Shouting(), Formats("es")) == "NO MORE THAN 20.000 characters."
    assert in_words("Nobody marked this.", Shouting(), Formats("es")) == "Nobody marked this."
    assert in_words("", Shouting(), Formats("es")) == ""


@pytest.mark.parametrize(
    ("language", "number", "day", "month", "country"),
    [
        ("en", "1,234,567", "2 April 2020", "April 2020", "Spain"),
        ("es", "1.234.567", "2 de abril de 2020", "abril de 2020", "España"),
        ("fr", "1\u202f234\u202f567", "2 avril 2020", "avril 2020", "Espagne"),
        ("ar", "1,234,567", "2 أبريل 2020", "أبريل 2020", "إسبانيا"),
        ("ur", "1,234,567", "2 اپریل، 2020", "اپریل 2020", "ہسپانیہ"),
    ],
)
def test_each_language_writes_in_its_own_way(language: str, number: str, day: str, month: str, country: str) -> None:
    formats = Formats(language)
    assert formats.number(1_234_567) == number
    assert formats.day("2020-04-02") == day
    assert formats.day("2020-04") == month
    assert formats.day("2020") == "2020"
    assert formats.moment(datetime(2020, 4, 2, 14, 5, tzinfo=UTC)) == f"{day}, 14:05 UTC"
    assert formats.country("ES") == country
    assert formats.country("ZZ") == "ZZ"


def test_a_language_counts_by_its_own_rule() -> None:
    cases = Path(__file__).parents[2] / "services" / "cases" / "locales"
    arabic = translations((cases, cases.parents[2] / "shared" / "web" / "locales"), "ar")
    said = {
        n: arabic.ungettext("%(num)s case holds these words:", "%(num)s cases hold these words:", n) for n in (1, 2)
    }
    assert said == {1: "قضية واحدة تحوي هذه الكلمات:", 2: "قضيتان تحويان هذه الكلمات:"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_country_has_a_name_in_every_language(language: str) -> None:
    assert Formats(language).countries().keys() == Formats(SOURCE).countries().keys()


def test_a_case_file_without_translations_is_in_english() -> None:
    assert CaseFile.model_fields["language"].default == SOURCE
