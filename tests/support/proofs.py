"""Proofs of work for tests: challenges that are small, solved as ALTCHA's own library does it."""

import base64
import json
from datetime import datetime
from typing import Any

import httpx
from altcha import v1

from services.actions.proofs import make_challenge
from shared.messages.cases import Protection

PROOF_SECRET = "a-proof-secret-for-tests"
NUMBER_MAX = 100
ASKING = Protection(proof_of_work=True)


def solution_of(challenge: dict[str, Any]) -> dict[str, Any]:
    """The challenge and its number, as a solver sends them before it wraps them up."""
    found = v1.solve_challenge(challenge["challenge"], challenge["salt"], "SHA-256", challenge["maxnumber"])
    assert found is not None
    told = {name: challenge[name] for name in ("algorithm", "challenge", "salt", "signature")}
    return told | {"number": found.number}


def wrapped(solution: object) -> str:
    return base64.b64encode(json.dumps(solution).encode()).decode()


def a_proof(now: datetime, secret: str = PROOF_SECRET) -> str:
    """A fresh one, for a challenge made at `now`."""
    return wrapped(solution_of(make_challenge(secret, NUMBER_MAX, now)))


async def fetched_proof(http: httpx.AsyncClient) -> str:
    """The way a browser goes: ask for a challenge, solve it."""
    answer = await http.get("/api/v1/actions/challenge")
    assert answer.status_code == 200, answer.text
    return wrapped(solution_of(answer.json()))
