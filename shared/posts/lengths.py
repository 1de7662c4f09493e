"""How long a text is, as each network counts it. Pure.

Sources: X: twitter-text, configuration version 3 (weights in hundredths, links as 23, an emoji as two whatever it is
made of). Bluesky: lexicon app.bsky.feed.post (300 grapheme clusters, 3,000 bytes). Mastodon: StatusLengthValidator
(grapheme clusters, links as 23, of a remote mention only the name). Threads: API reference (characters, an emoji as
its bytes).
"""

import unicodedata
from collections.abc import Callable

import regex

from shared.posts.networks import LENGTH_MAX, Network

LINK_LENGTH = 23
BLUESKY_BYTES_MAX = 3_000

_LINK = regex.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,;:!?)\]]")
_CLUSTER = regex.compile(r"\X")
_EMOJI = regex.compile(r"\p{Emoji_Presentation}|\p{Emoji}\uFE0F|\p{Regional_Indicator}{2}|[0-9#*]\uFE0F?\u20E3")
_REMOTE_MENTION = regex.compile(r"(?<![\w/])@([\w.-]+)@[\w.-]+\w")
_LIGHT_ON_X = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))


def length(network: Network, text: str) -> int:
    """In what the network counts."""
    return _COUNTS[network](unicodedata.normalize("NFC", text))


def fits(network: Network, text: str) -> bool:
    if network is Network.BLUESKY and len(text.encode()) > BLUESKY_BYTES_MAX:
        return False
    return length(network, text) <= LENGTH_MAX[network]


def links(text: str) -> list[tuple[int, int]]:
    """Where links begin and end, in characters."""
    return [match.span() for match in _LINK.finditer(text)]


def clusters(text: str) -> list[str]:
    """What a reader sees as one character each."""
    return [str(cluster) for cluster in _CLUSTER.findall(text)]


def _on_x(text: str) -> int:
    plain, count = _LINK.subn("", text)
    return int(count) * LINK_LENGTH + sum(_weight_on_x(cluster) for cluster in clusters(plain)) // 100


def _weight_on_x(cluster: str) -> int:
    if _EMOJI.search(cluster):
        return 200
    return sum(100 if any(first <= ord(one) <= last for first, last in _LIGHT_ON_X) else 200 for one in cluster)


def _on_bluesky(text: str) -> int:
    return len(clusters(text))


def _on_mastodon(text: str) -> int:
    plain = _REMOTE_MENTION.sub(r"@\1", _LINK.sub("x" * LINK_LENGTH, text))
    return len(clusters(plain))


def _on_threads(text: str) -> int:
    return sum(len(one.encode()) if _EMOJI.search(one) else len(one) for one in clusters(text))


_COUNTS: dict[Network, Callable[[str], int]] = {
    Network.X: _on_x,
    Network.BLUESKY: _on_bluesky,
    Network.MASTODON: _on_mastodon,
    Network.THREADS: _on_threads,
}
