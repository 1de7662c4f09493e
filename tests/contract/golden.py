"""The published schemas; `python -m tests.contract.golden` records new events and new optional fields, nothing else."""

import json
import sys
from pathlib import Path
from typing import Any

from shared.messages.envelope import Event
from shared.messages.registry import ENVELOPES, EVENTS

FOLDER = Path(__file__).parent / "schemas"


def path_of(event: type[Event]) -> Path:
    return FOLDER / f"{event.wire_type}.json"


def schema_of(event: type[Event]) -> dict[str, Any]:
    """The JSON schema of the event in its envelope, as a reader meets it."""
    return ENVELOPES[event.wire_type].json_schema()


def published(event: type[Event]) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(path_of(event).read_text())
    return schema


def breaks(old: Any, new: Any, where: str = "") -> list[str]:
    """How `new` breaks a reader or publisher of `old`; empty when it only adds optional fields or words about them."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return [] if old == new else [f"{where or 'schema'} changed"]
    faults: list[str] = []
    for key in old.keys() | new.keys():
        place = f"{where}/{key}"
        if key in {"description", "title"} and not where.endswith("/properties"):
            continue
        if key not in new:
            faults.append(f"{place} was taken away")
        elif key in old:
            faults += breaks(old[key], new[key], place)
        elif not where.endswith(("/properties", "/$defs")):
            faults.append(f"{place} was added")
    return faults


def main() -> int:
    for event in EVENTS:
        if path_of(event).exists() and (faults := breaks(published(event), schema_of(event))):
            print(f"{event.wire_type} is published and may not change; make a V2.\n  " + "\n  ".join(faults))
            return 1
        path_of(event).write_text(json.dumps(schema_of(event), indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
