"""The words of mail to supporters, in their language or else in English.

A file `templates/<what>.<language>.txt` begins with its subject. Neither the subjects nor our own words name a case or
anybody at risk: supporters may live where writing is dangerous. Only news does, for who asked for it by name, and where
the case is not discreet.
"""

import re
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


def answer_text(language: str, name: str, whose: str, subject: str, text: str, campaign: str) -> Words:
    """Brings a target's answer to a supporter who stays hidden from them."""
    told = {"greeted": greeted(name), "whose": whose, "subject": subject, "text": text, "campaign": campaign}
    return _words("answer", language, told)


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
    found = next((tag for tag in (language, language.partition("-")[0]) if tag in known), FALLBACK)
    subject, text = known[found]
    return Words(found, subject.substitute(told), text.substitute(told))


@cache
def _templates(what: str) -> dict[str, tuple[Template, Template]]:
    """By language, the subject and the text."""
    found = {}
    for path in sorted(TEMPLATES.glob(f"{what}.*.txt")):
        subject, _, text = path.read_text(encoding="utf-8").partition("\n\n")
        found[path.name.split(".")[1]] = Template(subject.removeprefix("Subject: ")), Template(text)
    return found
