"""Takes the bytes of a mail apart, within bounds: who sends one may mean harm."""

import re
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import BytesFeedParser
from email.policy import default

PART_LINES_MAX = 5_000
COMPARISONS_MAX = 5_000_000  # each line is held against the boundary of each part that it is in: a second's worth
PIECE_BYTES = 65_536
# What cannot be read: the library's parsers of single headers raise all of these on headers that are none.
UNREADABLE = (MessageError, LookupError, ValueError, TypeError, AttributeError, IndexError, RecursionError)

_BOUNDARY = re.compile(rb"(?i)boundary[*\d]*\s*=")


def parse(content: bytes) -> EmailMessage:
    """Raises one of `UNREADABLE`, as for a mail of so many parts, or parts in parts, that it would take minutes."""
    comparisons = content.count(b"\n") * len(_BOUNDARY.findall(content))
    if content.count(b"\n--") > PART_LINES_MAX or comparisons > COMPARISONS_MAX:
        raise ValueError("too many parts")
    parser = BytesFeedParser(EmailMessage, policy=default)
    for begin in range(0, len(content), PIECE_BYTES):  # in one piece, the whole of it would be copied twice more
        parser.feed(content[begin : begin + PIECE_BYTES])
    return parser.close()
