"""Countries and languages, by their codes and in readers' words."""

import re
from functools import cache

from babel import Locale, UnknownLocaleError
from babel.numbers import format_decimal

READER = "en"
# CLDR knows places that ISO 3166-1 has no country code for; ours are ISO's, as everywhere in the system.
NOT_ISO = frozenset(["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"])
ELSEWHERE = "ZZ"
_COUNTRY = re.compile(r"[A-Z]{2}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")


@cache
def countries() -> dict[str, str]:
    """Every ISO 3166-1 alpha-2 code with its name, in the order of names."""
    names = {str(code): name for code, name in _reader().territories.items()}
    codes = (code for code in names if _COUNTRY.fullmatch(code) and code not in NOT_ISO)
    return {code: names[code] for code in sorted(codes, key=lambda code: _sorting(names[code]))}


def country_name(code: str) -> str:
    return "Elsewhere" if code == ELSEWHERE else countries().get(code, code)


def is_language(tag: str) -> bool:
    """Whether `tag` is a language we can name, as BCP 47 writes it: ur, pt-BR, zh-Hans."""
    return bool(_LANGUAGE.fullmatch(tag)) and _locale(tag) is not None


def language_name(tag: str) -> str:
    """In its own words: `اردو` for ur."""
    locale = _locale(tag)
    name = locale.get_display_name(str(locale)) if locale else None
    return (name or tag).capitalize()


def direction(tag: str) -> str:
    """`rtl` or `ltr`."""
    locale = _locale(tag)
    return locale.text_direction if locale else "ltr"


def number(count: int) -> str:
    return format_decimal(count, locale=READER)


@cache
def _locale(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return None


@cache
def _reader() -> Locale:
    return Locale.parse(READER)


def _sorting(name: str) -> str:
    return name.replace("Å", "A").replace("ô", "o").casefold()
