"""Links that open a network's own composer with a post in it. The network sees nobody before they click. Pure.

Sources: X and Threads web intents, Bluesky action intent links, Mastodon's `/share`.
"""

import re
from urllib.parse import quote

from shared.posts.networks import Network

_SERVER = re.compile(r"(?=.{4,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")
_COMPOSERS = {
    Network.X: "https://x.com/intent/post?text={}",
    Network.BLUESKY: "https://bsky.app/intent/compose?text={}",
    Network.THREADS: "https://www.threads.com/intent/post?text={}",
}


def intent(network: Network, post: str, server: str | None = None) -> str:
    """The link. `server` is the reader's Mastodon server and needed only there. Raises `ValueError` for no server."""
    if network is not Network.MASTODON:
        return _COMPOSERS[network].format(quote(post, safe=""))
    return f"https://{read_server(server or '')}/share?text={quote(post, safe='')}"


def read_server(typed: str) -> str:
    """A server's name from what people type: a name, an address, or `@me@server`. Raises `ValueError`."""
    name = re.sub(r"^https?://", "", typed.strip().lower()).split("/")[0].rpartition("@")[2]
    if not _SERVER.fullmatch(name):
        raise ValueError("not the name of a server")
    return name
