"""Makes the secrets docker-compose.yml asks for: `python3 -m deploy.new_secrets > .env`. Needs nothing installed."""

import secrets

NAMES = (
    "W4R_STAFF_TOKEN",
    "W4R_PROOF_SECRET",
    "W4R_HOME_SECRET",
    "W4R_AMQP_PASSWORD",
    "W4R_POSTGRES_PASSWORD",
    "W4R_CASES_DATABASE_PASSWORD",
    "W4R_ACTIONS_DATABASE_PASSWORD",
    "W4R_DELIVERY_DATABASE_PASSWORD",
)
BYTES = 24


def lines() -> list[str]:
    """Fresh ones at every call; they hold nothing that a URL would have to escape."""
    return [f"{name}={secrets.token_hex(BYTES)}" for name in NAMES]


if __name__ == "__main__":
    print("# Secrets of this installation. Keep this file out of every repository and backup that others can read.")
    print("\n".join(lines()))
    print("# Where supporters see the site; receipts link there.\nW4R_PUBLIC_URL=http://localhost:8000")
