"""The words of mail to supporters, in their language or else in English.

A file `templates/<what>.<language>.txt` begins with its subject, unless it is a paragraph for another. Neither the
subjects nor our own words name a case or anybody at risk: supporters may live where writing is dangerous. Only news
does, for who asked for it by name, and where the case is not discreet.
"""

import re
from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from string import Template

from services.delivery.news import NewsWords

TEMPLATES = Path(__file__).parent / "templates"
FALLBACK = "en"
NAME_CHARACTERS_MAX = 40
# Somebody may put another's address into the form, and an advertisement for the name: that must not reach a stranger.
_NO_NAME = re.compile(r"[\d/@:<>()\[\]]|\.\S|[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class Words:
    language: str
    subject: str
    text: str


def confirmation_text(language: str, name: str, url: str, expires_at: datetime, campaign: str) -> Words:
    """Asks whether they wrote. `expires_at` is shown in UTC, to the minute."""
    until = f"{expires_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return _words(
        "confirmation", language, {"greeted": greeted(name), "url": url, "until": until, "campaign": campaign}
    )


@dataclass(frozen=True, slots=True)
class Answered:
    """What a target said, and how many of its documents are attached and are not. `left_out` None: nobody knows."""

    whose: str
    subject: str
    text: str
    attached: int = 0
    left_out: int | None = 0


def answer_text(language: str, name: str, answer: Answered, campaign: str) -> Words:
    """Brings a target's answer to a supporter who stays hidden from them. Our words on its documents stand above it:
    what stands below could be the target's."""
    told = {"greeted": greeted(name), "whose": answer.whose, "subject": answer.subject, "text": answer.text}
    return _words("answer", language, told | {"campaign": campaign, "documents": _on_documents(language, answer)})


def _on_documents(language: str, answer: Answered) -> str:
    """A paragraph for those that are attached, and one for those that are not; nothing where there are none."""
    about = {
        "answer_attached": answer.attached,
        "answer_left_out": answer.left_out or 0,
        "answer_unknown": answer.left_out is None,
    }
    return "".join(f"\n{_paragraph(what, language, count)}" for what, count in about.items() if count)


def news_text(language: str, name: str, title: str, words: NewsWords, campaign: str) -> Words:
    """Tells what changed in a case. Where it is discreet, neither the subject nor our words nor the link name the case:
    an address mostly holds the person's name."""
    told = {
        "greeted": greeted(name),
        "title": title,
        "text": words.text,
        "url": words.front_url if words.discreet else words.case_url,
        "stop": words.stop_url,
        "day": f"{words.asked_at.astimezone(UTC):%Y-%m-%d}",
        "campaign": campaign,
    }
    return _words("news_discreet" if words.discreet else "news", language, told)


def greeted(name: str) -> str:
    """A space and the name, to stand after a greeting; nothing when it does not look like a name."""
    plain = name.strip()
    return f" {plain}" if plain and len(plain) <= NAME_CHARACTERS_MAX and not _NO_NAME.search(plain) else ""


def _words(what: str, language: str, told: dict[str, str]) -> Words:
    known = _templates(what)
    found = _spoken(language, known)
    subject, _, text = known[found].partition("\n\n")
    subject = subject.removeprefix("Subject: ")
    return Words(found, Template(subject).substitute(told), Template(text).substitute(told))


def _paragraph(what: str, language: str, count: int) -> str:
    known = _templates(what)
    return Template(known[_spoken(language, known)]).substitute(count=count)


def _spoken(language: str, known: Container[str]) -> str:
    return next((tag for tag in (language, language.partition("-")[0]) if tag in known), FALLBACK)


@cache
def _templates(what: str) -> dict[str, str]:
    """By language."""
    paths = sorted(TEMPLATES.glob(f"{what}.*.txt"))
    return {path.name.split(".")[1]: path.read_text(encoding="utf-8") for path in paths}
