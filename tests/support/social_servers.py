"""Two local servers that speak as Mastodon's and Bluesky's do: their paths, bodies, rate limits and errors.

Each keeps what was posted, and misbehaves once for every `Fault` that it is given.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from deploy.local.ports import free_port
from shared.posts.lengths import fits
from shared.posts.networks import Network
from shared.processes import serve

TOKEN, HANDLE, PASSWORD = "a-token-for-tests", "campaign.example", "an-app-password"
DID = "did:plc:campaign"


class Fault(StrEnum):
    RATE_LIMIT = "rate limit"
    AWAY = "away"
    BROKEN = "broken"
    NOT_ALLOWED = "not allowed"
    SESSION_OVER = "session over"
    HANGS_UP = "hangs up after it took the post"


@dataclass
class SocialServer:
    url: str = ""
    posts: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    logins: int = 0

    def texts(self) -> list[str]:
        return [post["text"] for post in self.posts.values()]

    def next_fault(self) -> Fault | None:
        return self.faults.pop(0) if self.faults else None


def mastodon_app(server: SocialServer) -> FastAPI:
    app = FastAPI()

    @app.get("/api/v1/accounts/verify_credentials")
    async def verify(request: Request) -> Response:
        return JSONResponse({"id": "1"}) if _knows(request) else _error(401, "The access token is invalid")

    @app.post("/api/v1/statuses")
    async def post(request: Request) -> Response:
        if not _knows(request):
            return _error(401, "The access token is invalid")
        match fault := server.next_fault():
            case Fault.RATE_LIMIT:
                return _error(429, "Too many requests", **{"X-RateLimit-Remaining": "0"})
            case Fault.AWAY:
                return Response(status_code=503)
            case Fault.BROKEN:
                return Response("<html>Oops</html>", 500)
            case Fault.NOT_ALLOWED:
                return _error(403, "Your login is currently disabled")
        status = await request.json()
        if not fits(Network.MASTODON, status["status"]):
            return _error(422, "Validation failed: Text character limit of 500 exceeded")
        key = request.headers["Idempotency-Key"]
        kept = server.posts.setdefault(key, {"text": status["status"], "language": status["language"]})
        if fault is Fault.HANGS_UP:
            return _cut_short()
        return JSONResponse(
            {"id": key, "url": f"{server.url}/@campaign/{len(server.posts)}", "language": kept["language"]}
        )

    def _knows(request: Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {TOKEN}"

    return app


def bluesky_app(server: SocialServer) -> FastAPI:
    app = FastAPI()

    @app.post("/xrpc/com.atproto.server.createSession")
    async def log_in(request: Request) -> Response:
        if await request.json() != {"identifier": HANDLE, "password": PASSWORD}:
            return _xrpc(401, "AuthenticationRequired", "Invalid identifier or password")
        server.logins += 1
        return JSONResponse({"did": DID, "handle": HANDLE, "accessJwt": f"jwt-{server.logins}", "refreshJwt": "no"})

    @app.post("/xrpc/com.atproto.repo.putRecord")
    async def put(request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer jwt-{server.logins}":
            return _xrpc(401, "AuthMissing", "Authentication Required")
        match fault := server.next_fault():
            case Fault.RATE_LIMIT:
                return _xrpc(429, "RateLimitExceeded", "Rate Limit Exceeded", **{"ratelimit-remaining": "0"})
            case Fault.AWAY:
                return _xrpc(502, "UpstreamFailure", "Upstream Failure")
            case Fault.BROKEN:
                return _xrpc(500, "InternalServerError", "Internal Server Error")
            case Fault.NOT_ALLOWED:
                return _xrpc(403, "AccountTakedown", "Account has been taken down")
            case Fault.SESSION_OVER:
                return _xrpc(400, "ExpiredToken", "Token has expired")
        body = await request.json()
        record = body["record"]
        if body["repo"] != DID or not re.fullmatch("[234567a-z]{13}", body["rkey"]):
            return _xrpc(400, "InvalidRequest", "Input/rkey must be a valid TID")
        if not fits(Network.BLUESKY, record["text"]):
            return _xrpc(400, "InvalidRequest", "Record/text must not be longer than 300 graphemes")
        server.posts[body["rkey"]] = record
        if fault is Fault.HANGS_UP:
            return _cut_short()
        return JSONResponse({"uri": f"at://{DID}/{body['collection']}/{body['rkey']}", "cid": "bafyrei"})

    return app


@asynccontextmanager
async def social_server(make_app: Callable[[SocialServer], FastAPI]) -> AsyncIterator[SocialServer]:
    port, stop = free_port(), asyncio.Event()
    server = SocialServer(f"http://127.0.0.1:{port}")
    serving = asyncio.create_task(serve(make_app(server), "127.0.0.1", port)(stop))
    try:
        yield server
    finally:
        stop.set()
        await serving


def _cut_short() -> Response:
    """It promises a body and brings none, so the connection is closed in the middle of the answer."""
    return Response(headers={"Content-Length": "100"})


def _error(status: int, text: str, **headers: str) -> Response:
    return JSONResponse({"error": text}, status, headers=headers)


def _xrpc(status: int, error: str, message: str, **headers: str) -> Response:
    return JSONResponse({"error": error, "message": message}, status, headers=headers)
