"""Turns the bytes of a text into words, whatever its sender calls the way they were written."""

import codecs

# Registered names, and some that mail programs use, which Python does not know.
ALSO_CALLED = {
    "iso-8859-6-i": "iso-8859-6",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-8-i": "iso-8859-8",
    "windows-874": "cp874",
}
# No text of a mail is written so. The first two take time by the square of the length: half an hour for 5 MB.
NO_TEXT = frozenset({"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined"})
FALLBACK = "utf-8"


def read_words(content: bytes, charset: str) -> str:
    """Never fails: what cannot be read is shown as such."""
    return content.decode(known(charset), "replace")


def known(charset: str) -> str:
    """A name that Python knows, for what is one of text; else UTF-8's, which ASCII is part of."""
    name = ALSO_CALLED.get(charset.strip().lower(), charset)
    try:
        found = codecs.lookup(name).name.replace("-", "_")
        b"x".decode(name, "replace")  # a name may be of something that makes no text
    except (LookupError, ValueError):
        return FALLBACK
    return FALLBACK if found in NO_TEXT or found == "ascii" else name
