"""`w4r`: look at delivery and steer it, from a terminal.

W4R_URL says where the site is, W4R_STAFF_TOKEN opens it, W4R_STAFF_NAME is what the audit calls you. `--json` prints
what the API answered. Exit code 1: it said no, and why stands on stderr.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from deploy.w4r.calls import Refused, connect
from deploy.w4r.showing import show_json, show_table

DELIVERY, LETTERS = "/api/v1/delivery", "/api/v1/letters"

commands = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Json = Annotated[bool, typer.Option("--json", help="print what the API answered")]
Why = Annotated[str, typer.Option("--why", help="for the audit", prompt="Why")]


Case = Annotated[str | None, typer.Option(help="only of the case with this id")]
Target = Annotated[str | None, typer.Option(help="only to the target with this id")]
Destination = Annotated[str | None, typer.Option(help="only to this mail provider or domain")]
DryRun = Annotated[bool, typer.Option(help="only count them")]


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
    fields = ["name", "queued", "others", "in_the_air", "held_because", "cool_until", "per_hour", "is_paused"]
    titles = ["destination", "queued", "other mail", "in the air", "held", "rests until", "an hour", "paused"]
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
    names = ("state", "what_next", "failure", "stop_reason", "to_address", "next_at", "expires_at")
    plain = [(name.replace("_", " "), found[name]) for name in names]
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
def addresses(target_id: str, as_json: Json = False) -> None:
    """The addresses of a target that has several, in order, and their states."""
    found = connect().get(f"{DELIVERY}/targets/{target_id}/addresses")
    if as_json:
        return show_json(found)
    return show_table("Addresses", ["address", "state"], _cells(found, ["address", "state"]))


@commands.command()
def move(target_id: str, address: str, why: Why) -> None:
    """Let a target's letters go to another address: those that are queued and those to come."""
    done = connect().send("POST", f"{DELIVERY}/targets/{target_id}/address", address=address, why=why)
    print(f"{done['letters']:,} queued letters go there now")


@commands.command()
def again(
    state: str,
    why: Why,
    case: Case = None,
    target: Target = None,
    destination: Destination = None,
    per_minute: Annotated[int | None, typer.Option(help="so many a minute; none: all at once")] = None,
    dry_run: DryRun = False,
) -> None:
    """Send letters of one state again: failed, bounced, suppressed or uncertain. Those that must not go stay."""
    group = {"act": "again", "state": state, "case_id": case, "target_id": target, "destination": destination}
    _group(group | {"per_minute": per_minute, "why": why}, "sent again", dry_run)


@commands.command()
def cancel(
    why: Why,
    state: str = "queued",
    case: Case = None,
    target: Target = None,
    destination: Destination = None,
    dry_run: DryRun = False,
) -> None:
    """Stop letters of one state for good: queued or uncertain."""
    group = {"act": "cancel", "state": state, "case_id": case, "target_id": target, "destination": destination}
    _group(group | {"why": why}, "stopped", dry_run)


@commands.command()
def incoming(kind: str | None = None, case: Case = None, as_json: Json = False) -> None:
    """What came back to letters: bounces, delays, machines' words, answers."""
    found = connect().get(f"{DELIVERY}/incoming", kind=kind, case_id=case)
    if as_json:
        return show_json(found)
    fields = ["received_at", "kind", "case_slug", "letter_id", "code", "status", "from_name", "subject"]
    titles = ["when", "kind", "case", "letter", "code", "status", "from", "subject"]
    return show_table("What came back", titles, _cells(found, fields))


@commands.command()
def bundles(as_json: Json = False) -> None:
    """Bundles of letters: digests, and paper."""
    found = connect().get(f"{DELIVERY}/bundles")
    if as_json:
        return show_json(found)
    fields = ["id", "mode", "target_name", "letters", "made_at", "printed_at", "handed_over_to"]
    titles = ["bundle", "mode", "target", "letters", "made", "printed", "handed over to"]
    return show_table("Bundles", titles, _cells(found, fields))


@commands.command()
def bundle(bundle_id: str, file: Path) -> None:
    """Write a bundle's document, a PDF, into FILE."""
    file.write_bytes(connect().read(f"{DELIVERY}/bundles/{bundle_id}.pdf"))


@commands.command()
def make_bundle(target_id: str, why: Why) -> None:
    """Let the next bundle of a target that wants bundles be made at once."""
    connect().send("POST", f"{DELIVERY}/bundles/of/{target_id}", why=why)


@commands.command()
def printed(bundle_id: str, why: Why) -> None:
    """Say that a bundle is on paper."""
    connect().send("POST", f"{DELIVERY}/bundles/{bundle_id}/printed", why=why)


@commands.command()
def handed_over(bundle_id: str, to_whom: str, why: Why) -> None:
    """Say to whom a bundle was handed over."""
    connect().send("POST", f"{DELIVERY}/bundles/{bundle_id}/handed-over", to_whom=to_whom, why=why)


@commands.command()
def dead(as_json: Json = False) -> None:
    """Messages that no handler could take."""
    found = connect().get(f"{DELIVERY}/dead-letters")
    if as_json:
        return show_json(found)
    fields = ["id", "queue", "type", "reason", "died_at", "replayed_at"]
    return show_table("Dead", ["message", "queue", "type", "why", "died", "replayed"], _cells(found, fields))


@commands.command()
def replay(message_id: str, why: Why) -> None:
    """Have a dead message handled once more."""
    connect().send("POST", f"{DELIVERY}/dead-letters/{message_id}/replay", why=why)


@commands.command()
def audit(as_json: Json = False) -> None:
    """Who changed what, when and why."""
    found = connect().get(f"{DELIVERY}/audit")
    if as_json:
        return show_json(found)
    return show_table(
        "Audit", ["when", "who", "did", "why", "details"], _cells(found, ["at", "who", "did", "why", "details"])
    )


def _group(wish: dict[str, Any], done: str, dry_run: bool) -> None:
    """Turn by turn, so that it can be broken off at any time and begun again."""
    api, path = connect(), f"{DELIVERY}/groups"
    count = api.send("POST", path, **wish, dry_run=True)["done"]
    if dry_run:
        print(f"{count:,} letters are {wish['state']}; nothing was changed")
        return
    acted, left, turn = 0, 0, api.send("POST", path, **wish)
    with Progress() as progress:
        bar = progress.add_task(f"{count:,} letters", total=count)
        while True:
            acted, left = acted + turn["done"], left + turn["left"]
            progress.update(bar, completed=acted + left)
            if turn["next"] is None:
                break
            turn = api.send("POST", path, **wish, after=turn["next"], begin_at=turn["last_at"])
    print(f"{acted:,} letters were {done}, {left:,} left as they were")


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
