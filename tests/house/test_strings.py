"""Every string of the interface is said in every language, and no catalogue holds one that nothing says."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message

from deploy.strings import OTHERS, PACKAGES, faults, strings_of
from shared.languages.catalogues import read_catalogue

PLACEHOLDER = re.compile(r"%\(\w+\)s")
UNMARKED = re.compile(r">[^<>{}]*[A-Za-z]{3,}[^<>{}]*<")


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_language_is_complete_and_has_nothing_left_over(package: Path, language: str) -> None:
    assert list(faults(package, language)) == []


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_translation_takes_the_values_that_the_english_gives(package: Path, language: str) -> None:
    wrong = [message.id for message in read_catalogue(package / "locales", language) if not takes_the_same(message)]
    assert wrong == []


def takes_the_same(message: Message) -> bool:
    """One of several plural forms may leave a value out: one letter needs no figure."""
    if not message.id:
        return True
    if isinstance(message.id, str):
        return sorted(PLACEHOLDER.findall(message.id)) == sorted(PLACEHOLDER.findall(str(message.string)))
    given = {name for form in message.id for name in PLACEHOLDER.findall(form)}
    return all(set(PLACEHOLDER.findall(form)) <= given for form in message.string or ())


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_no_template_says_anything_that_is_not_marked_for_translation(package: Path) -> None:
    assert len(list(strings_of(package))) > 10
    found = {
        template.name: words
        for template in (package / "templates").glob("*.html")
        if (words := [text for text in UNMARKED.findall(_without_comments(template)) if not _is_code(text)])
    }
    assert found == {}


def _without_comments(template: Path) -> str:
    return re.sub(r"\{#.*?#\}|<script.*?</script>|<svg.*?</svg>", "", template.read_text(), flags=re.DOTALL)


def _is_code(text: str) -> bool:
    return "python -m" in text
