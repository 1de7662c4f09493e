"""`w4r`: look at delivery and steer it, from a terminal.

W4R_URL says where the site is, W4R_STAFF_TOKEN opens it, W4R_STAFF_NAME is what the audit calls you. `--json` prints
what the API answered. Exit code 1: it said no, and why stands on stderr.
"""

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.progress import track

from deploy.w4r.calls import Api, Refused, connect
from deploy.w4r.showing import show_json, show_table

DELIVERY, LETTERS = "/api/v1/delivery", "/api/v1/letters"
PAGE_LETTERS, GROUP_LETTERS_MAX = 200, 100_000

commands = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Json = Annotated[bool, typer.Option("--json", help="print what the API answered")]
Why = Annotated[str, typer.Option("--why", help="for the audit", prompt="Why")]


class Scope(StrEnum):
    EVERYTHING = "everything"
    CHANNEL = "channel"
    DESTINATION = "destination"
    TARGET = "target"
    CASE = "case"


Subject = Annotated[str, typer.Argument(help="a name, or the id of a target or case; nothing for everything")]


@commands.command()
def overview(as_json: Json = False) -> None:
    """What waits for whom, and why."""
    found = connect().get(f"{DELIVERY}/overview")
    if as_json:
        return show_json(found)
    show_table("Letters", ["state", "letters"], list(found["counts"].items()))
    targets = ["name", "target_id", "queued", "done_at", "closes_at", "is_late", "is_paused"]
    show_table(
        "Targets", ["target", "id", "queued", "last out", "closes", "late", "paused"], _cells(found["targets"], targets)
    )
    fields = ["name", "queued", "in_the_air", "held_because", "cool_until", "per_hour", "is_paused"]
    titles = ["destination", "queued", "in the air", "held", "rests until", "an hour", "paused"]
    show_table("Destinations", titles, _cells(found["destinations"], fields))
    cases = ["slug", "case_id", "queued", "closes_at", "is_paused"]
    show_table("Cases", ["case", "id", "queued", "closes", "paused"], _cells(found["cases"], cases))
    return None


@commands.command()
def letters(state: str | None = None, limit: int = 50, as_json: Json = False) -> None:
    """The newest letters, without a word of who wrote what."""
    found = connect().get(LETTERS, state=state, limit=limit)
    if as_json:
        return show_json(found)
    fields = ["id", "state", "case_slug", "to_name", "attempts", "last_code", "next_at"]
    titles = ["letter", "state", "case", "to", "attempts", "code", "next or done"]
    return show_table("Letters", titles, _cells(found["letters"], fields))


@commands.command()
def letter(letter_id: str, as_json: Json = False) -> None:
    """One letter, and what came of each attempt."""
    found = connect().get(f"{LETTERS}/{letter_id}")
    if as_json:
        return show_json(found)
    plain = [(name, found[name]) for name in ("state", "failure", "stop_reason", "to_address", "next_at", "expires_at")]
    show_table(f"Letter {letter_id}", ["", "value"], plain)
    fields = ["number", "outcome", "phase", "code", "text", "started_at"]
    return show_table(
        "Attempts", ["no.", "outcome", "got as far as", "code", "they said", "when"], _cells(found["tries"], fields)
    )


@commands.command()
def pause(scope: Scope, why: Why, subject: Subject = "") -> None:
    """Send no more of it; what is in the air still lands."""
    connect().send("POST", f"{DELIVERY}/pauses", scope=scope, subject=subject, why=why)


@commands.command()
def resume(scope: Scope, why: Why, subject: Subject = "") -> None:
    """Send it again."""
    connect().send("POST", f"{DELIVERY}/pauses/resume", scope=scope, subject=subject, why=why)


@commands.command()
def throttle(target_id: str, why: Why, per_hour: int | None = None, per_day: int | None = None) -> None:
    """Give a target a rate, and leave the rest of its policy as it is."""
    api, path = connect(), f"{DELIVERY}/targets/{target_id}"
    policy = api.get(path)["policy"] | {"mode": "throttled", "per_hour": per_hour, "per_day": per_day}
    show_json(api.send("PUT", f"{path}/policy", policy=policy, why=why)["policy"])


@commands.command()
def rate(
    destination: str, why: Why, per_hour: Annotated[int | None, typer.Option(help="none: no limit")] = None
) -> None:
    """Give a destination a rate, over all its targets."""
    connect().send("PUT", f"{DELIVERY}/destinations/{destination}/rate", per_hour=per_hour, why=why)


@commands.command()
def lift(destination: str, why: Why) -> None:
    """Let a destination go on that is held or rests."""
    connect().send("POST", f"{DELIVERY}/destinations/{destination}/lift", why=why)


@commands.command()
def suppressions(as_json: Json = False) -> None:
    """Addresses that nothing is sent to."""
    found = connect().get(f"{DELIVERY}/suppressions")
    if as_json:
        return show_json(found)
    return show_table(
        "Suppressed", ["address", "why", "who", "until"], _cells(found, ["address", "reason", "who", "expires_at"])
    )


@commands.command()
def suppress(address: str, why: Why, days: int | None = None) -> None:
    """Send nothing more to an address."""
    done = connect().send("POST", f"{DELIVERY}/suppressions", address=address, why=why, days=days)
    print(f"{done['letters']:,} queued letters were stopped")


@commands.command()
def release(address: str, why: Why) -> None:
    """Let letters go to an address again."""
    connect().send("POST", f"{DELIVERY}/suppressions/release", address=address, why=why)


@commands.command()
def again(state: str, dry_run: bool = False, limit: int = GROUP_LETTERS_MAX) -> None:
    """Send letters of one state again: failed, bounced, suppressed or uncertain. Those that must not go stay."""
    _each(state, "retry", "sent again", dry_run, limit)


@commands.command()
def cancel(state: str = "queued", dry_run: bool = False, limit: int = GROUP_LETTERS_MAX) -> None:
    """Stop letters of one state for good: queued or uncertain."""
    _each(state, "cancel", "stopped", dry_run, limit)


@commands.command()
def audit(as_json: Json = False) -> None:
    """Who changed what, when and why."""
    found = connect().get(f"{DELIVERY}/audit")
    if as_json:
        return show_json(found)
    return show_table(
        "Audit", ["when", "who", "did", "why", "details"], _cells(found, ["at", "who", "did", "why", "details"])
    )


def _each(state: str, act: str, done: str, dry_run: bool, limit: int) -> None:
    """One after the other, so that it can be broken off at any time and begun again."""
    api = connect()
    ids = _ids(api, state, limit)
    if dry_run:
        print(f"{len(ids):,} letters are {state}; nothing was changed")
        return
    left = 0
    for letter_id in track(ids, description=f"{len(ids):,} letters"):
        try:
            api.send("POST", f"{LETTERS}/{letter_id}/{act}")
        except Refused:
            left += 1
    print(f"{len(ids) - left:,} letters were {done}, {left:,} left as they were")


def _ids(api: Api, state: str, limit: int) -> list[str]:
    found: list[str] = []
    path: str | None = f"{LETTERS}?state={state}&limit={min(limit, PAGE_LETTERS)}"
    while path and len(found) < limit:
        page = api.get(path)
        found += [one["id"] for one in page["letters"]]
        path = page["next"]
    return found[:limit]


def _cells(rows: list[dict[str, Any]], names: list[str]) -> list[list[Any]]:
    return [[row[name] for name in names] for row in rows]


def main() -> None:
    try:
        commands()
    except Refused as fault:
        typer.echo(fault, err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
