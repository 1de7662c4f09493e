"""Which variant of a letter a visitor gets: not the one that most get, and the same at every visit, without a cookie.

Behind the gateway it is the gateway that chooses, since its cache must know (docs/decisions/letters-that-differ.md).
"""

from hashlib import sha256

from fastapi import Request

from services.cases.variants import VARIANTS_MAX
from shared.web.clients import client_of

VARIANT_HEADER = "x-letter-variant"
AGENT_CHARACTERS_MAX = 400


def variant_for(request: Request) -> int:
    """From 0, below `VARIANTS_MAX`: as the gateway says, else by the visitor's address and browser. Nothing is kept."""
    told = request.headers.get(VARIANT_HEADER, "")
    if told.isascii() and told.isdecimal() and len(told) <= len(str(VARIANTS_MAX)):
        return int(told) % VARIANTS_MAX
    client = client_of(request.scope)
    address = client if isinstance(client, bytes) else client.encode()
    agent = request.headers.get("user-agent", "")[:AGENT_CHARACTERS_MAX].encode()
    return sha256(address + b"|" + agent).digest()[0] % VARIANTS_MAX
