"""What the demonstration shows fits its terminal."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from hookline.demo.page import MAX_TEXT, printable, titled

WORDS = st.lists(st.text(max_size=9), max_size=30).map(" ".join)

ROWS = st.lists(
    st.tuples(WORDS, st.none() | st.integers(0, 10**6), WORDS),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("width", [80, 120])
@given(rows=ROWS)
def test_a_row_is_a_line(width: int, rows: list[tuple[str, int | None, str]]) -> None:
    """No line is wider than the terminal, and numbers are whole."""
    output = Console(file=io.StringIO(), width=width, record=True)
    cells = [(printable(text), number, printable(other)) for text, number, other in rows]
    output.print(titled("Title", "a note", ("text", "number", "other"), cells))
    lines = output.export_text().splitlines()
    assert len(lines) == 4 + len(rows)
    assert all(cell_len(line) <= width for line in lines)
    for (_, number, _), line in zip(rows, lines[-len(rows) :], strict=True):
        assert ("–" if number is None else f"{number:,}") in line


@given(st.text())
def test_a_persons_text_moves_no_cursor(text: str) -> None:
    """And is cut where it is long, which shows."""
    shown = printable(text)
    assert shown is not None
    assert shown.isprintable()
    assert len(shown) == min(len(text), MAX_TEXT)
    assert shown.endswith("…") or len(text) <= MAX_TEXT
