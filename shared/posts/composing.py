"""Composes a post that fits its network: the words, whom they are for, and the link. Pure."""

from shared.posts.lengths import clusters, fits
from shared.posts.networks import Network

MORE = "…"


def compose_post(network: Network, words: str, *, handle: str | None = None, link: str | None = None) -> str:
    """`words`, shortened between two words where they must be; then `handle` and `link`, which are never shortened.

    A handle that the words name already does not come twice. What has no room at all is left out, last the words."""
    handle = None if handle and handle.casefold() in words.casefold() else handle
    for tail in ([handle, link], [link], []):
        shortened = _shorten(network, words.strip(), [part for part in tail if part])
        if shortened:
            return shortened
    return ""


def _shorten(network: Network, words: str, tail: list[str]) -> str | None:
    """The longest beginning of `words` that leaves room for the tail; None when not even one character does."""
    if fits(network, whole := _join([words, *tail])):
        return whole
    parts = clusters(words)
    short, long = 0, len(parts)
    while short < long:
        middle = (short + long + 1) // 2
        if fits(network, _join(["".join(parts[:middle]) + MORE, *tail])):
            short = middle
        else:
            long = middle - 1
    return _join([_at_a_word(parts, short) + MORE, *tail]) if short else None


def _at_a_word(parts: list[str], count: int) -> str:
    """Cut before the word that `count` would cut through, unless that leaves next to nothing."""
    if parts[count].isspace():
        return "".join(parts[:count]).rstrip()
    ends = [at for at in range(count) if parts[at].isspace()]
    return "".join(parts[: ends[-1] if ends and ends[-1] > count // 2 else count]).rstrip()


def _join(parts: list[str]) -> str:
    return " ".join(part for part in parts if part)
