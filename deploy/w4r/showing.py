"""How answers look: tables for people, JSON for programs."""

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def show_json(answer: Any) -> None:
    print(json.dumps(answer, indent=2, ensure_ascii=False))


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Nothing of it is taken for markup: names are other people's."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right" if column in {"queued", "in the air", "attempts"} else "left")
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    Console(markup=False, highlight=False).print(table)


def _plain(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else ""
    text = f"{cell:,}" if isinstance(cell, int) else str(cell)
    return "".join(one if one.isprintable() else " " for one in text)
