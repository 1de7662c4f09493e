"""The strings of the interface in each language, from the gettext catalogues that lie beside the code they are of.

A package has `locales/<language>.po`. They are read when a process first needs them: there is nothing to compile.
"""

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from shared.languages import SOURCE


def catalogue_file(locales: Path, language: str) -> Path:
    return locales / f"{language}.po"


def read_catalogue(locales: Path, language: str) -> Catalog:
    """Raises `FileNotFoundError` for a language that the package does not speak."""
    return read_po(BytesIO(catalogue_file(locales, language).read_bytes()), locale=language)


@cache
def translations(folders: Sequence[Path], language: str) -> Translations:
    """What all of these packages say in `language`. `folders` are their `locales`, in a tuple; a package that speaks to
    nobody but staff has none."""
    found = Translations()
    for locales in folders:
        if language != SOURCE and locales.is_dir():
            spoken = _of_one(locales, language)
            found.add(spoken)
            # Adding takes the words over, and leaves behind the rule that chooses among plural forms.
            found.plural = spoken.plural
    return found


def _of_one(locales: Path, language: str) -> Translations:
    compiled = BytesIO()
    write_mo(compiled, read_catalogue(locales, language))
    compiled.seek(0)
    return Translations(compiled)
