"""What must be true of the databases when the dust has settled, asked by SQL of the databases themselves."""

from dataclasses import dataclass

import asyncpg

TAKEN = "SELECT count(*) FROM action"
TOLD = "SELECT count(*) FROM outbox WHERE type = 'actions.action_accepted.v1'"
# Actions without their event, and events without their action.
STRAYS = """
    SELECT count(*) FROM action FULL JOIN (
        SELECT (convert_from(body, 'UTF8')::json #>> '{data,action_id}')::uuid AS id
        FROM outbox WHERE type = 'actions.action_accepted.v1'
    ) AS told USING (id)
    WHERE action.token IS NULL OR told.id IS NULL
"""
UNPUBLISHED = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
REGISTERED = "SELECT count(*) FROM outbox WHERE type = 'actions.action_accepted.v1' AND registered_at IS NOT NULL"
REEMITTED = "SELECT coalesce(sum(reemitted), 0) FROM outbox"
LETTERS_OWED = "SELECT coalesce(sum(json_array_length(target_ids)), 0) FROM action"
LETTERS = "SELECT count(*) FROM letter"
PLANNED = "SELECT count(DISTINCT action_id) FROM letter"
LETTERS_BY_STATE = "SELECT state, count(*) FROM letter GROUP BY state"
LETTERS_LIVE = "SELECT count(*) FROM letter WHERE state IN ('queued', 'sending', 'uncertain')"
COUNTED_BY_KIND = "SELECT kind, sum(count)::bigint FROM ledger_count WHERE kind <> 'offline_reported' GROUP BY kind"


@dataclass(frozen=True)
class Intake:
    """What actions' database holds."""

    actions: int
    events: int
    strays: int


async def ask(url: str, query: str, *values: object) -> int:
    """The one number that `query` tells."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=10)
    try:
        return int(await connection.fetchval(query, *values))
    finally:
        await connection.close()


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def ask_by_name(url: str, query: str) -> dict[str, int]:
    """The number for each name that `query` tells."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=10)
    try:
        return {str(name): int(count) for name, count in await connection.fetch(query)}
    finally:
        await connection.close()


async def kept_ids(url: str) -> set[str]:
    """The id of every action that has a row."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=10)
    try:
        return {str(row["id"]) for row in await connection.fetch("SELECT id FROM action")}
    finally:
        await connection.close()


async def intake_of(url: str) -> Intake:
    return Intake(await ask(url, TAKEN), await ask(url, TOLD), await ask(url, STRAYS))
