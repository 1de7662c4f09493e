"""A letter's own address: `mailbox+token@domain`. Bounces come back to it (VERP), and answers to hidden supporters.

The token is the letter's id and a keyed hash of it, in base 32, for mail servers may change upper to lower case. Who
has not had the letter cannot guess it, so nobody makes letters bounce that did not.
"""

import hmac
from base64 import b32decode, b32encode
from dataclasses import dataclass, field
from uuid import UUID

from services.delivery.mime import Unwritable, write_address

UNSUBSCRIBE = "unsubscribe"  # the subject of a mail that says so
HASH_BYTES = 14  # 112 bits; with the id 30 bytes, which base 32 writes without padding
LOCAL_PART_MAX = 64 - 48 - 1  # of RFC 5321's 64 characters, the token takes 48 and the plus sign one


@dataclass(frozen=True)
class LetterAddresses:
    """`mailbox` is a plain address of ours whose plus-addresses reach the listener."""

    mailbox: str
    secret: bytes = field(repr=False)

    def of(self, letter_id: UUID) -> str:
        local, _, domain = self.mailbox.rpartition("@")
        token = b32encode(letter_id.bytes + self._hash(letter_id)).decode().lower()
        return f"{local}+{token}@{domain}"

    def read(self, address: str) -> UUID | None:
        """The letter whose address this is; None for any other."""
        local, _, domain = self.mailbox.lower().rpartition("@")
        its_local, _, its_domain = address.lower().rpartition("@")
        prefix, _, token = its_local.rpartition("+")
        if (prefix, its_domain) != (local, domain):
            return None
        try:
            found = b32decode(token.upper())
        except ValueError:
            return None
        if len(found) != 16 + HASH_BYTES:
            return None
        letter_id = UUID(bytes=found[:16])
        return letter_id if hmac.compare_digest(found[16:], self._hash(letter_id)) else None

    def _hash(self, letter_id: UUID) -> bytes:
        return hmac.digest(self.secret, letter_id.bytes, "sha256")[:HASH_BYTES]


def read_addresses(mailbox: str, secret: str) -> LetterAddresses:
    """Raises `Unwritable` for a mailbox that cannot stand in a letter, or is too long to carry a token."""
    written = write_address(mailbox)
    if len(written.rpartition("@")[0]) > LOCAL_PART_MAX:
        raise Unwritable(f"the part before the @ may have {LOCAL_PART_MAX} characters")
    return LetterAddresses(written, secret.encode())
