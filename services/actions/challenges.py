"""The challenge for a proof of work, fresh for each who asks: it cannot be in a page that caches share."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from services.actions.errors import NoChallenge
from services.actions.openapi import CHALLENGE_ANSWERS
from services.actions.proofs import make_challenge
from services.actions.wiring import Wiring

PATH = "/api/v1/actions/challenge"
PRIVATE = {"Cache-Control": "no-store"}


def challenges_router(wiring: Wiring) -> APIRouter:
    router = APIRouter(tags=["actions"])
    settings, clock = wiring.settings, wiring.clock

    @router.get(PATH, summary="A challenge to solve", responses=CHALLENGE_ANSWERS, response_model=None)
    async def get_challenge() -> JSONResponse:
        """For campaigns that ask for proof of work: find the `number` from 0 to `maxnumber` for which the SHA-256 of
        `salt` and `number`, as text, is `challenge` in hex. Base64 of the JSON object of `algorithm`, `challenge`,
        `number`, `salt` and `signature` is the `proof` of one action. The protocol is ALTCHA's first."""
        if settings.proof_secret is None:
            raise NoChallenge
        content: dict[str, Any] = make_challenge(
            settings.proof_secret.get_secret_value(), settings.proof_max_number, clock.now()
        )
        return JSONResponse(content, headers=PRIVATE)

    return router
