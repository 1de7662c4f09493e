"""Posts from the campaign's account on a Mastodon server. Source: Mastodon's API, `POST /api/v1/statuses`.

The letter's id is the `Idempotency-Key`, which the server remembers for an hour: within it, a post whose answer was
lost does not appear twice.
"""

import httpx

from services.delivery.channels import Answer
from services.delivery.channels.accounts import Post, ask, open_client, read_json, read_status, shorten

VISIBILITY = "public"


class MastodonAccount:
    def __init__(self, url: str, token: str) -> None:
        self._http = open_client(url)
        self._headers = {"Authorization": f"Bearer {token}"}

    async def publish(self, post: Post) -> Answer:
        headers = self._headers | {"Idempotency-Key": str(post.letter_id)}
        status = {"status": post.text, "visibility": VISIBILITY, "language": post.language.partition("-")[0]}
        return await ask(lambda: self._http.post("/api/v1/statuses", json=status, headers=headers), _read)

    async def ping(self) -> None:
        """Raises `httpx.HTTPError` when the server is away or does not know the token."""
        (await self._http.get("/api/v1/accounts/verify_credentials", headers=self._headers)).raise_for_status()

    async def close(self) -> None:
        await self._http.aclose()


def _read(response: httpx.Response) -> Answer:
    found = read_json(response)
    return read_status(response.status_code, shorten(found.get("url") or found.get("error") or ""))
