"""Who writes, as far as counting goes: one person is a mailbox and a name, for one case and channel."""

import hashlib
import unicodedata
from uuid import UUID

from services.actions.mailboxes import canonical_mailbox
from shared.messages.cases import Channel


def sender_key(case_id: UUID, channel: Channel, email: str, name: str) -> UUID:
    """The same for the same person, however they spell name and address; another for whoever shares their mailbox.

    Whoever reads it learns no address from it, unless they guess both address and name."""
    plain = name if name.isascii() else unicodedata.normalize("NFKC", name)
    parts = (case_id.hex, channel.value, canonical_mailbox(email), " ".join(plain.casefold().split()))
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).digest()
    return UUID(bytes=digest)
