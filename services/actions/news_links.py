"""The link in a mail with news that ends all news to its mailbox.

Its token is the id of the action by which news was asked for, and a hash of it that is keyed by the receipt's own
token. So nothing more need be kept, nobody can guess one, and who has one cannot find the receipt.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

ID_BYTES, HASH_BYTES = 16, 17  # 136 bits; together 33 bytes, which base 64 writes without padding
TOKEN_CHARACTERS = 44


def stop_token(action_id: UUID, receipt_token: str) -> str:
    return urlsafe_b64encode(action_id.bytes + _hash(action_id, receipt_token)).decode()


def action_named(token: str) -> UUID | None:
    """The action that a token speaks of; only with its receipt's token can it be told whether it is true."""
    if len(token) != TOKEN_CHARACTERS or not token.isascii():
        return None
    try:
        found = urlsafe_b64decode(token)
    except ValueError:
        return None
    return UUID(bytes=found[:ID_BYTES]) if len(found) == ID_BYTES + HASH_BYTES else None


def is_true(token: str, action_id: UUID, receipt_token: str) -> bool:
    return hmac.compare_digest(token, stop_token(action_id, receipt_token))


def _hash(action_id: UUID, receipt_token: str) -> bytes:
    return hmac.digest(receipt_token.encode(), b"end news" + action_id.bytes, "sha256")[:HASH_BYTES]
