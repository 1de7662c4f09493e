"""Brings the gettext catalogues up to date with the strings in code and templates: `make strings`.

New strings come in empty, for a translator; those that nothing says any more go. Staff's own pages are English.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from shared.languages import LANGUAGES, SOURCE
from shared.languages.catalogues import catalogue_file, read_catalogue

ROOT = Path(__file__).parents[1]
# The packages that speak to people, each with its catalogues in `locales`.
PACKAGES = tuple(ROOT / name for name in ("shared/web", "services/cases", "services/actions"))
OTHERS = tuple(language for language in LANGUAGES if language != SOURCE)
METHODS = [("templates/ops/**", "ignore"), ("**.html", "jinja2"), ("**.py", "python")]
OPTIONS = {"**.html": {"trimmed": "true", "silent": "false"}}
KEYWORDS = {"_": None, "N_": None, "say": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
WIDTH = 120


def strings_of(package: Path) -> Catalog:
    """Every string that `package` says, in English."""
    catalog = Catalog(project="Write for Rights", fuzzy=False)
    found = extract_from_dir(str(package), METHODS, OPTIONS, keywords=KEYWORDS, comment_tags=())
    for file, _line, words, _comments, context in found:
        catalog.add(words, locations=[(Path(file).as_posix(), 0)], context=context)
    return catalog


def faults(package: Path, language: str) -> Iterator[str]:
    """Strings of `package` that nobody has translated yet, and translations that nothing says."""
    spoken, said = read_catalogue(package / "locales", language), strings_of(package)
    for message in said:
        known = spoken.get(message.id, message.context)
        if message.id and not (known and is_translated(known.string)):
            yield f"not translated: {message.id}"
    for message in spoken:
        if message.id and said.get(message.id, message.context) is None:
            yield f"said nowhere: {message.id}"


def is_translated(words: str | tuple[str, ...] | list[str] | None) -> bool:
    """Every plural form counts."""
    return words is not None and (bool(words) if isinstance(words, str) else all(words))


def update(package: Path, language: str) -> int:
    """Write the catalogue anew. Returns how many strings wait for a translator."""
    file = catalogue_file(package / "locales", language)
    catalog = read_catalogue(file.parent, language) if file.exists() else Catalog(locale=language, fuzzy=False)
    catalog.update(strings_of(package), no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    catalog.header_comment = (
        f"# What {package.relative_to(ROOT)} says, in {catalog.locale_identifier}. `make strings` keeps it."
    )
    catalog.project, catalog.version = "Write for Rights", ""
    catalog.msgid_bugs_address = catalog.last_translator = catalog.language_team = ""
    # Nothing that changes by itself: the same strings are the same file.
    catalog.creation_date = catalog.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    out = BytesIO()
    write_po(out, catalog, width=WIDTH, sort_output=True, include_lineno=False)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(out.getvalue())
    return sum(1 for message in catalog if message.id and not is_translated(message.string))


def main() -> int:
    for package in PACKAGES:
        for language in OTHERS:
            print(f"{package.relative_to(ROOT)}: {language}: {update(package, language)} to translate")
    return 0


if __name__ == "__main__":
    sys.exit(main())
