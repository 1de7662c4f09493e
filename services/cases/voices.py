"""What the code itself says to readers where no template does: on paper and in feeds."""

from dataclasses import dataclass
from pathlib import Path

from shared.languages import direction
from shared.languages.catalogues import translations
from shared.languages.formats import Formats
from shared.languages.saying import in_words

LOCALES = (Path(__file__).parent / "locales",)


@dataclass(frozen=True)
class Voice:
    """`voice(words)` are the words, from `N_` or `say`, in `language`."""

    language: str

    def __call__(self, words: str) -> str:
        return in_words(words, translations(LOCALES, self.language), self.formats)

    @property
    def formats(self) -> Formats:
        return Formats(self.language)

    @property
    def direction(self) -> str:
        return direction(self.language)
