"""Ways to tell others of a case, for its receipts: always the case's own address, never the receipt's.

They are plain links. Nothing is asked of anybody else before a person follows one.
"""

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Sharing:
    """`url` is the case's. `ways` are names with the links that begin a post or a message there."""

    url: str
    mail: str
    ways: tuple[tuple[str, str], ...]


def share_case(slug: str, title: str, public_url: str) -> Sharing:
    url = f"{public_url.rstrip('/')}/cases/{slug}"
    words = f"{title} needs letters. Writing one takes a minute:"
    text, link = quote(f"{words} {url}", safe=""), quote(url, safe="")
    subject, body = quote(f"A letter for {title}", safe=""), quote(f"{words}\r\n\r\n{url}", safe="")
    return Sharing(
        url=url,
        mail=f"mailto:?subject={subject}&body={body}",
        ways=(
            ("WhatsApp", f"https://wa.me/?text={text}"),
            ("Telegram", f"https://t.me/share/url?url={link}&text={quote(words, safe='')}"),
            ("Bluesky", f"https://bsky.app/intent/compose?text={text}"),
            ("Facebook", f"https://www.facebook.com/sharer/sharer.php?u={link}"),
        ),
    )
