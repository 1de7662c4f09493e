"""How long chaos lasts: W4R_CHAOS_TIMES times as long, and as many examples, as in `make test`."""

import os

TIMES = float(os.environ.get("W4R_CHAOS_TIMES", "1"))


def times(amount: int) -> int:
    """`amount` in `make test`, more of it in `make chaos`."""
    return max(1, round(amount * TIMES))
