"""What a measurement found, as rows: a median of rounds, what it is held against, and a table of it."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tests.load.measuring import write_results


@dataclass(frozen=True)
class Row:
    """A median of rounds, the least and most among them, and whether it reaches the goal."""

    name: str
    value: float
    unit: str
    goal: str
    holds: bool | None
    low: float
    high: float


def row(name: str, values: Sequence[float], unit: str, *, least: float | None = None, most: float | None = None) -> Row:
    value = statistics.median(values)
    goal = f">= {least:g}" if least is not None else f"<= {most:g}" if most is not None else ""
    holds = value >= least if least is not None else value <= most if most is not None else None
    return Row(name, round(value, 3), unit, goal, holds, round(min(values), 3), round(max(values), 3))


def tell(name: str, rows: Sequence[Row]) -> None:
    """Into `var/bench/<name>.json`, and as a table."""
    write_results(name, [asdict(each) for each in rows])
    for each in rows:
        holds = {True: "holds", False: "DOES NOT HOLD", None: ""}[each.holds]
        spread = f"{each.low:,.2f} - {each.high:,.2f}"
        print(f"{each.name:<58} {each.value:>10,.2f} {each.unit:<6} {spread:>22} {each.goal:>9}  {holds}")
