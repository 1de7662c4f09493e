"""Which methods a path takes. The framework's 405 names only those of the first route that has the path."""

from fastapi import Request
from starlette.routing import Match, Mount

METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


def methods_of(request: Request) -> str:
    """The value of `Allow`, RFC 9110, section 10.2.1: each method that some route of the application takes here."""
    routes = [route for route in request.app.routes if not isinstance(route, Mount)]
    asked = ((method, {**request.scope, "method": method}) for method in METHODS)
    return ", ".join(method for method, scope in asked if any(_takes(route.matches(scope)) for route in routes))


def _takes(answer: tuple[Match, object]) -> bool:
    return answer[0] is Match.FULL
