"""Faults over time with the latency of single deliveries, as one SVG. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

from tests.chaos.words import told

WIDTH: Final = 1060
HEIGHT: Final = 300
LEFT: Final = 56
RIGHT: Final = 12
TOP: Final = 38
BOTTOM: Final = 30

LEAST_MS: Final = 3.0
MOST_MS: Final = 100_000.0
LINES_MS: Final = {10: "10 ms", 100: "0.1 s", 1000: "1 s", 10_000: "10 s", 100_000: "100 s"}

LABEL_PX: Final = 13
"""Numbers of faults stand so far apart; closer ones take turns in two rows."""

TICKS: Final = 12
STEPS_S: Final = (5, 10, 15, 30, 60, 120, 300, 600)

Beat = Sequence[float | None]
"""When it was sent (s), time to the answer and to the row (ms)."""


def timeline(faults: Sequence[Mapping[str, Any]], beats: Sequence[Beat], first: int) -> str:
    """A drawing of one stage.

    Args:
        faults: of the stage, as the report has them.
        beats: the deliveries that were followed.
        first: the number of the first fault in the table.
    """
    ends = [float(beat[0] or 0) for beat in beats]
    ends += [fault["at"] + fault["lasted_s"] + (fault["recovery_s"] or 0) for fault in faults]
    scale = _Scale(max(ends, default=1.0) + 1)
    label = 'role="img" aria-label="Faults over time, with latencies"'
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" {label}>',
        *_grid(scale),
        *_bands(faults, scale, first),
        _dots(((beat[0], beat[1]) for beat in beats), scale, "answer"),
        _dots(((beat[0], beat[2]) for beat in beats), scale, "row"),
        "</svg>",
    ]
    return "".join(parts)


class _Scale:
    """From seconds and milliseconds to places."""

    def __init__(self, end_s: float) -> None:
        self.end_s = end_s

    def x(self, second: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * second / self.end_s, 1)

    def y(self, milliseconds: float) -> float:
        share = math.log(min(max(milliseconds, LEAST_MS), MOST_MS) / LEAST_MS)
        height = HEIGHT - TOP - BOTTOM
        return round(HEIGHT - BOTTOM - height * share / math.log(MOST_MS / LEAST_MS), 1)


def _grid(scale: _Scale) -> Iterable[str]:
    for milliseconds, label in LINES_MS.items():
        y = scale.y(milliseconds)
        yield f'<path class="grid" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>'
        yield f'<text class="axis" x="{LEFT - 7}" y="{y + 4}" text-anchor="end">{label}</text>'
    step_s = next((step for step in STEPS_S if scale.end_s / step <= TICKS), STEPS_S[-1])
    for tick in range(int(scale.end_s // step_s) + 1):
        second = tick * step_s
        label = f"{second // 60}:{second % 60:02}"
        yield (
            f'<text class="axis" x="{scale.x(second)}" y="{HEIGHT - 10}" '
            f'text-anchor="middle">{label}</text>'
        )


def _bands(faults: Sequence[Mapping[str, Any]], scale: _Scale, first: int) -> Iterable[str]:
    """What was broken, then what it took to recover, with the number in the table above."""
    label_x = -math.inf
    row = 0
    for number, fault in enumerate(faults, start=first):
        begin, back = scale.x(fault["at"]), scale.x(fault["at"] + fault["lasted_s"])
        recovered = scale.x(fault["at"] + fault["lasted_s"] + (fault["recovery_s"] or 0))
        title = f"<title>{number}. {escape(told(fault))}</title>"
        yield _rectangle("recovery", back, recovered - back, title)
        yield _rectangle("fault", begin, max(back - begin, 1.5), title)
        row = 1 - row if begin - label_x < LABEL_PX else 0
        label_x = begin
        yield f'<text class="number" x="{begin}" y="{TOP - 6 - 12 * row}">{number}</text>'


def _rectangle(name: str, x: float, width: float, title: str) -> str:
    height = HEIGHT - TOP - BOTTOM
    return (
        f'<rect class="{name}" x="{x}" y="{TOP}" width="{max(width, 0):.1f}" '
        f'height="{height}">{title}</rect>'
    )


def _dots(points: Iterable[tuple[float | None, float | None]], scale: _Scale, name: str) -> str:
    """Thousands of dots as one path: lines of no length with round ends."""
    places = "".join(
        f"M{scale.x(second)} {scale.y(milliseconds)}h0"
        for second, milliseconds in points
        if second is not None and milliseconds is not None
    )
    return f'<path class="{name}" d="{places}"/>'
