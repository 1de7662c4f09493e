"""Numbers, dates, countries and languages in a reader's own words, by CLDR.

Digits are the Latin ones everywhere: the same figures stand in scripts, addresses and receipts.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from unicodedata import combining, normalize

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal

from shared.languages import SOURCE

# CLDR knows places that ISO 3166-1 has no country code for; ours are ISO's, as everywhere in the system.
NOT_ISO = frozenset(["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"])
_COUNTRY = re.compile(r"[A-Z]{2}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")


@dataclass(frozen=True)
class Formats:
    """How one language writes things."""

    language: str = SOURCE

    def number(self, count: int) -> str:
        return format_decimal(count, locale=self._locale)

    @property
    def _locale(self) -> str:
        """English reads its days before its months in most of the world."""
        return "en_GB" if self.language == SOURCE else self.language

    def day(self, day: date | str) -> str:
        """2 April 2020, January 2021 or 2021: as exact as it is known."""
        text = day if isinstance(day, str) else day.isoformat()[:10]
        year, month, of_month = ([int(part) for part in text.split("-")] + [0, 0])[:3]
        if of_month:
            return format_date(date(year, month, of_month), "long", locale=self._locale)
        return format_skeleton("yMMMM", date(year, month, 1), locale=self._locale) if month else str(year)

    def moment(self, at: datetime) -> str:
        """2 April 2020, 14:05 UTC."""
        utc = at.astimezone(UTC)
        return f"{self.day(utc.date())}, {utc:%H:%M} UTC"

    def countries(self) -> dict[str, str]:
        """Every ISO 3166-1 alpha-2 code with its name, in the order of names."""
        return _countries(self.language)

    def country(self, code: str) -> str:
        """Its name, or the code itself where there is none."""
        return _countries(self.language).get(code, code)


def is_language(tag: str) -> bool:
    """Whether `tag` is a language we can name, as BCP 47 writes it: ur, pt-BR, zh-Hans."""
    return bool(_LANGUAGE.fullmatch(tag)) and _locale(tag) is not None


def language_name(tag: str) -> str:
    """In its own words: `اردو` for ur."""
    locale = _locale(tag)
    name = locale.get_display_name(str(locale)) if locale else None
    return (name or tag).capitalize()


@cache
def _countries(language: str) -> dict[str, str]:
    names = {str(code): name for code, name in Locale.parse(language).territories.items()}
    codes = (code for code in names if _COUNTRY.fullmatch(code) and code not in NOT_ISO)
    return {code: names[code] for code in sorted(codes, key=lambda code: plain(names[code]))}


@cache
def _locale(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return None


def plain(text: str) -> str:
    """Its letters without capitals, accents and other marks: for sorting and finding."""
    apart = normalize("NFKD", text.casefold())
    return "".join(character for character in apart if not combining(character))
