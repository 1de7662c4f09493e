"""The languages that the site speaks, and which of them a reader would rather have."""

from unicodedata import bidirectional

from babel import Locale

SOURCE = "en"  # what the strings in the code are written in
LANGUAGES = (SOURCE, "es", "fr", "ar", "ur")
HEADER_CHARACTERS_MAX = 200


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Marks `text` for the catalogues, and gives it back: it is translated where it is shown."""
    return text


def spoken_or_source(tag: str) -> str:
    """The language of ours that `tag` belongs to (es for es-MX), else English."""
    language = tag.partition("-")[0].lower()
    return language if language in LANGUAGES else SOURCE


def direction(language: str) -> str:
    """`rtl` or `ltr`. `language` is one that CLDR knows."""
    return Locale.parse(language, sep="-").text_direction


def way_of(words: str) -> str:
    """`rtl` or `ltr`, for words of which nobody said in what language they are: as their first letter runs."""
    strong = next((way for way in map(bidirectional, words) if way in {"L", "R", "AL"}), "L")
    return "ltr" if strong == "L" else "rtl"


def preferred(accept_language: str) -> str:
    """The first of our languages that the reader's browser asks for, by its weights (RFC 9110 section 12.5.4)."""
    ranges = [part.partition(";") for part in accept_language[:HEADER_CHARACTERS_MAX].lower().split(",")]
    wanted = [(-_weight(weight), tag.strip().partition("-")[0]) for tag, _, weight in ranges]
    ours = [(weight, tag) for weight, tag in wanted if tag in LANGUAGES and weight < 0]
    return min(ours, key=lambda pair: pair[0])[1] if ours else SOURCE


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
