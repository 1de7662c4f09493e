"""Whether a supporter made the letter their own: its text beside the templates of its case."""

import re
from collections.abc import Iterable
from unicodedata import normalize

FAR_LONGER = 2
SHORT_CHARACTERS = 40

# All that is neither letter nor digit. Marks that Unicode cannot compose go too, such as Arabic vowel points, which
# keyboards and copies add and drop.
_BETWEEN = re.compile(r"[\W_]+")


def normal_form(text: str) -> str:
    """The letters and digits alone, in one Unicode form (NFKC) and without case: the same for what reads the same.

    Spaces go too, so that scripts which write without them need no rule of their own."""
    return _BETWEEN.sub("", normalize("NFKC", normalize("NFKC", text).casefold()))


def forms_of(templates: Iterable[str]) -> frozenset[str]:
    """The templates of a case, made ready to be compared with its letters."""
    return frozenset(map(normal_form, templates))


def is_edited(body: str, templates: frozenset[str]) -> bool:
    """Whether the letter says anything that no template says. Another spacing or punctuation is no edit.

    `templates` are `forms_of` them. A letter twice as long as all of them says more, which is quickly seen."""
    longest = max(map(len, templates), default=0)
    return len(body) > FAR_LONGER * longest + SHORT_CHARACTERS or normal_form(body) not in templates
