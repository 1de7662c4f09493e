"""Email addresses: the plain ones are seen to be good at a glance, all others are looked at by the full parser.

The parser takes longer than all the rest of reading an action. What passes here, it would give back unchanged.
"""

import re
from typing import Any

from email_validator import SPECIAL_USE_DOMAIN_NAMES
from pydantic import ValidatorFunctionWrapHandler

_WORD = r"[a-z0-9]+(?:[-_+][a-z0-9]+)*"
_LABEL = r"[a-z0-9]+(?:-[a-z0-9]+)*"
# Lengths stay well below what RFC 5321 allows, so that a pattern is enough.
_PLAIN = re.compile(
    rf"(?=[^@]{{1,60}}@)(?:{_WORD})(?:\.{_WORD})*@(?:(?=[^.]{{1,60}}\.){_LABEL}\.){{1,3}}([a-z]{{2,60}})"
)
_LAST_LABELS_TO_LOOK_AT = {name.rsplit(".", 1)[-1] for name in SPECIAL_USE_DOMAIN_NAMES}


def is_plain(value: str) -> bool:
    """Whether this is an ordinary lower-case ASCII address in a domain that is not special."""
    found = _PLAIN.fullmatch(value)
    return found is not None and found[1] not in _LAST_LABELS_TO_LOOK_AT


def read_address(value: Any, parse: ValidatorFunctionWrapHandler) -> Any:
    return value if isinstance(value, str) and is_plain(value) else parse(value)
