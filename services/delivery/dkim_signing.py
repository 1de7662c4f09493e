"""Signs mail in the campaign's name: DKIM, RFC 6376, with Ed25519 as RFC 8463 has it or with RSA.

A selector names a key. All keys may stay in the settings while their public halves stay in the DNS; one of them signs.
To change keys: publish the new one, add it, let it sign, and take the old one away some days later.

RSA is computed in Python here and takes some ten milliseconds a letter; Ed25519 takes a third of one, but not every
provider checks it yet. Whoever sends much lets the smarthost sign.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import dkim
from nacl.encoding import Base64Encoder
from nacl.signing import SigningKey

ED25519, RSA = b"ed25519-sha256", b"rsa-sha256"
PEM = b"-----BEGIN"


class NoKey(ValueError):
    """A key that cannot sign. The text names its selector, and nothing of it."""


@dataclass(frozen=True, repr=False)
class Signer:
    """`key` is RSA in PEM, or an Ed25519 seed in base64."""

    domain: str
    selector: str
    key: bytes

    def sign(self, content: bytes) -> bytes:
        """The mail with its signature on top. Whatever stands in `From` is signed twice, so that none can be added."""
        mail = dkim.DKIM(content, signature_algorithm=self._algorithm)
        mail.should_sign.add(b"list-unsubscribe-post")  # RFC 8058 section 4: or mail programs offer no button
        signature: bytes = mail.sign(self.selector.encode(), self.domain.encode(), self.key)
        return signature + content

    @property
    def _algorithm(self) -> bytes:
        return RSA if self.key.startswith(PEM) else ED25519


def read_signer(domain: str, keys: Mapping[str, Path], selector: str | None) -> Signer | None:
    """The signer of `selector`; None where there is none to sign. Raises `NoKey` for one that cannot sign."""
    if selector is None:
        return None
    if selector not in keys:
        raise NoKey(f"W4R_DKIM_KEYS has no key for the selector {selector}")
    try:
        signer = Signer(domain, selector, keys[selector].read_bytes().strip())
        signer.sign(b"From: x\r\n\r\n\r\n")
    except Exception as fault:
        raise NoKey(f"the key of the selector {selector} cannot sign: {type(fault).__name__}") from None
    return signer


def make_key() -> tuple[str, str]:
    """A new Ed25519 key for a file, and the text of its DNS record."""
    key = SigningKey.generate()
    public = b64encode(key.verify_key.encode()).decode()
    return key.encode(Base64Encoder).decode(), f"v=DKIM1; k=ed25519; p={public}"
