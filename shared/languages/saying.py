"""Words that the code chooses and a page says: in English for whoever reads JSON, in a reader's language on a page."""

from babel.support import Translations

from shared.languages.formats import Formats

_ENGLISH = Formats()


class Said(str):
    """English words, filled in, that remember what they were made of."""

    words: str
    values: dict[str, str | int]


def say(words: str, **values: str | int) -> Said:
    """`words` are marked for the catalogues by this call; `%(name)s` stands for a value, numbers as readers write them.

    Values are never translated: they are names, figures and the like."""
    said = Said(_fill(words, values, _ENGLISH))
    said.words, said.values = words, values
    return said


def in_words(text: str, spoken: Translations, formats: Formats) -> str:
    """`text`, from `say` or marked by `N_`, in the language of `spoken`; whatever is not in it stays as it is."""
    if isinstance(text, Said):
        return _fill(spoken.ugettext(text.words), text.values, formats)
    return str(spoken.ugettext(text)) if text else ""


def _fill(words: str, values: dict[str, str | int], formats: Formats) -> str:
    written = {name: formats.number(value) if isinstance(value, int) else value for name, value in values.items()}
    return words % written if written else words
