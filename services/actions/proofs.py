"""Proof of work: what is asked of a browser, and what to make of the answer. Pure: no clock, no database.

The protocol is ALTCHA's first one; docs/decisions/proof-of-work.md tells why. A challenge is signed and kept nowhere.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, cast

from altcha import v1
from pydantic import BaseModel, ConfigDict, Field

ALGORITHM: Literal["SHA-256"] = "SHA-256"
LIFETIME = timedelta(minutes=20)
PROOF_CHARACTERS_MAX = 1000
HEX_256 = r"^[0-9a-f]{64}$"
NUMBER_MAX = 2**53  # what a browser can count to
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Outcome(StrEnum):
    """What a proof is worth."""

    UNASKED = "unasked"
    PROVEN = "proven"
    UNPROVEN = "unproven"
    BAD = "bad"
    EXPIRED = "expired"
    USED = "used"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome, and for a proof that holds the challenge it solves: to be used once, until `expires_at`."""

    outcome: Outcome
    challenge: str = ""
    expires_at: datetime = LONG_AGO


class _Solution(BaseModel):
    """What a solver sends, as ALTCHA's widget does. It may say more, such as how long it took.

    Strict: a number in quotes would be the same solution spelt otherwise."""

    model_config = ConfigDict(strict=True)

    algorithm: Literal["SHA-256"]
    challenge: str = Field(pattern=HEX_256)
    number: int = Field(ge=0, le=NUMBER_MAX)
    salt: str
    signature: str = Field(pattern=HEX_256)


def make_challenge(secret: str, number_max: int, now: datetime) -> dict[str, Any]:
    """A challenge, spelt as ALTCHA's own servers spell it; about `number_max` / 2 hashes solve it."""
    challenge = v1.create_challenge(
        v1.ChallengeOptions(algorithm=ALGORITHM, max_number=number_max, hmac_key=secret, expires=now + LIFETIME)
    )
    return {
        "algorithm": challenge.algorithm,
        "challenge": challenge.challenge,
        "maxnumber": challenge.max_number,
        "salt": challenge.salt,
        "signature": challenge.signature,
    }


def judge(proof: str, secret: str, now: datetime) -> Verdict:
    """What the proof is worth, as far as it can tell who does not know which were used. One hash and one HMAC."""
    try:
        solution = _Solution.model_validate_json(base64.b64decode(proof, validate=True))
    except ValueError:
        return Verdict(Outcome.BAD)
    payload = cast("v1.PayloadType", solution.model_dump())
    # The signature first: what a salt says of its end can be believed only when it is ours.
    is_ours, _ = v1.verify_solution(payload, secret, check_expires=False)
    if not is_ours:
        return Verdict(Outcome.BAD)
    expires_at = datetime.fromtimestamp(int(v1.extract_params(payload)["expires"][0]), UTC)
    return Verdict(Outcome.PROVEN if now < expires_at else Outcome.EXPIRED, solution.challenge, expires_at)
