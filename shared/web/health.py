"""`/health/live`, `/health/ready` and `/metrics`: for orchestrators and Prometheus, never through the gateway."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

CHECK_SECONDS_MAX = 2.0

Check = Callable[[], Awaitable[None]]


def health_router(checks: Mapping[str, Check], registry: CollectorRegistry) -> APIRouter:
    """`checks` are named after what they reach, and raise when it is away."""
    router = APIRouter(include_in_schema=False)

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/health/ready")
    async def ready() -> JSONResponse:
        states = dict(zip(checks, await asyncio.gather(*map(_state, checks.values())), strict=True))
        is_ready = all(state == "ok" for state in states.values())
        body = {"status": "ready" if is_ready else "not ready", "dependencies": states}
        return JSONResponse(body, 200 if is_ready else 503)

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


def health_app(checks: Mapping[str, Check], registry: CollectorRegistry) -> FastAPI:
    """The whole HTTP side of a process that serves no one else."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(health_router(checks, registry))
    return app


async def _state(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS_MAX):
            await check()
    except Exception as fault:
        return f"away ({type(fault).__name__})"
    return "ok"
