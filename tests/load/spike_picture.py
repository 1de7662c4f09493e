"""Draws a spike: above, what arrives and is accepted each second; below, where the letters are."""

from collections.abc import Callable, Sequence
from typing import Any

WIDTH, LEFT, RIGHT = 960, 70, 20
TOP, UPPER, GAP, LOWER, BOTTOM = 60, 150, 70, 220, 60
LETTERS_PER_ACTION = 2
LAYERS = (
    ("delivered", "#2f6b4f"),
    ("waiting in delivery's database", "#d9b44a"),
    ("on RabbitMQ", "#7fa7b5"),
    ("in the outbox", "#b3402a"),
)
Point = tuple[float, float]


def draw(result: dict[str, Any], broker_away: tuple[float, float]) -> str:
    """An SVG document of `result`, as `tests/load/spike.py` writes it."""
    samples = result["samples"]
    seconds = samples[-1]["second"]
    x = _scale(0, seconds, LEFT, WIDTH - RIGHT)
    parts = [
        _frame(result),
        _band(x, broker_away),
        *_upper(samples, x),
        *_lower(samples, x),
        *_time_axis(seconds, x),
    ]
    height = TOP + UPPER + GAP + LOWER + BOTTOM
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="A launch: arrivals and accepted actions a second, and where the letters are, over time">\n'
        "<style>svg{background:#fbf8f1;font-family:Georgia,serif}text{fill:#2b2a27;font-size:13px}"
        ".h{font-size:16px;font-weight:bold}.s{fill:#6b6558}.e{text-anchor:end}.m{text-anchor:middle}"
        ".line{fill:none;stroke-width:2}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _frame(result: dict[str, Any]) -> str:
    words = (
        f"{result['accepted']:,} of {result['arrived']:,} actions accepted, p50 {result['p50_ms']:.0f} ms, "
        f"p99 {result['p99_ms']:.0f} ms; every one delivered after {result['drained_after_seconds']:.0f} s"
    )
    return f'<text class="h" x="{LEFT}" y="26">A launch, with the broker killed at its peak</text>\n' + (
        f'<text class="s" x="{LEFT}" y="46">{words}</text>'
    )


def _band(x: Callable[[float], float], away: tuple[float, float]) -> str:
    begin, end = x(away[0]), x(away[1])
    height = UPPER + GAP + LOWER
    return (
        f'<rect x="{begin:.1f}" y="{TOP}" width="{end - begin:.1f}" height="{height}" fill="#b3402a" opacity="0.09"/>'
        f'<text class="s m" x="{(begin + end) / 2:.1f}" y="{TOP + UPPER + 20}">RabbitMQ away</text>'
    )


def _upper(samples: Sequence[dict[str, Any]], x: Callable[[float], float]) -> list[str]:
    arrived, accepted = _per_second(samples, "arrived"), _per_second(samples, "accepted")
    highest = max(value for _, value in arrived + accepted)
    y = _scale(0, highest, TOP + UPPER, TOP + 12)
    return [
        *_value_axis(highest, y, "actions a second"),
        f'<path class="line" stroke="#2b2a27" stroke-dasharray="4 4" d="{_path(arrived, x, y)}"/>',
        f'<path class="line" stroke="#2f6b4f" d="{_path(accepted, x, y)}"/>',
        f'<text class="s e" x="{WIDTH - RIGHT}" y="{TOP + 20}">dashed: arriving; green: accepted, safe on disk</text>',
    ]


def _lower(samples: Sequence[dict[str, Any]], x: Callable[[float], float]) -> list[str]:
    floor, ceiling = TOP + UPPER + GAP + LOWER, TOP + UPPER + GAP
    stacks = [_stack(sample) for sample in samples]
    highest = max(stack[-1] for stack in stacks)
    y = _scale(0, highest, floor, ceiling)
    parts = []
    for layer, (_, colour) in reversed(list(enumerate(LAYERS))):
        points = [(sample["second"], stack[layer]) for sample, stack in zip(samples, stacks, strict=True)]
        outline = f"{_path(points, x, y)} L{x(points[-1][0]):.1f} {floor} L{x(0):.1f} {floor} Z"
        parts.append(f'<path fill="{colour}" d="{outline}"/>')
    for number, (name, colour) in enumerate(LAYERS):
        at = ceiling + 16 + number * 20
        parts.append(f'<rect x="{LEFT + 14}" y="{at - 10}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{LEFT + 32}" y="{at}">{name}</text>')
    return [*parts, *_value_axis(highest, y, "letters")]


def _stack(sample: dict[str, Any]) -> list[float]:
    """Letters delivered, and on top of them those waiting, on the broker, and in the outbox."""
    heights = (
        sample["letters_sent"],
        sample["letters_waiting"],
        (sample["on_broker"] or 0) * LETTERS_PER_ACTION,
        sample["in_outbox"] * LETTERS_PER_ACTION,
    )
    return [sum(heights[: layer + 1]) for layer in range(len(heights))]


def _per_second(samples: Sequence[dict[str, Any]], name: str, window: int = 4) -> list[Point]:
    """The growth of a count, a second, over a window of samples."""
    pairs = zip(samples, samples[window:], strict=False)
    return [(late["second"], (late[name] - early[name]) / (late["second"] - early["second"])) for early, late in pairs]


def _path(points: Sequence[Point], x: Callable[[float], float], y: Callable[[float], float]) -> str:
    return "M" + " L".join(f"{x(second):.1f} {y(value):.1f}" for second, value in points)


def _scale(low: float, high: float, begin: float, end: float) -> Callable[[float], float]:
    return lambda value: begin + (end - begin) * (value - low) / ((high - low) or 1)


def _value_axis(highest: float, y: Callable[[float], float], name: str) -> list[str]:
    values = [0.0, highest / 2, highest]
    lines = [
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(v):.1f}" y2="{y(v):.1f}" stroke="#d8d0bf"/>' for v in values
    ]
    labels = [f'<text class="s e" x="{LEFT - 8}" y="{y(value) + 4:.1f}">{value:,.0f}</text>' for value in values]
    return [*lines, *labels, f'<text class="s" x="{LEFT}" y="{y(highest) - 6:.1f}">{name}</text>']


def _time_axis(seconds: float, x: Callable[[float], float]) -> list[str]:
    floor = TOP + UPPER + GAP + LOWER
    step = 10 if seconds < 120 else 30
    marks = range(0, int(seconds) + 1, step)
    return [f'<text class="s m" x="{x(mark):.1f}" y="{floor + 20}">{mark} s</text>' for mark in marks]
