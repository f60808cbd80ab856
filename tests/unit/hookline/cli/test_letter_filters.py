"""What the filters of `hookline dead-letters` become."""

from datetime import UTC, datetime

import pytest
import typer
from typer.testing import CliRunner

from hookline.cli.letter_filters import filtered, in_states
from hookline.dead_letters.filters import Filters
from schemas.dead_letters import State

ID = "01A20712-67E3-79E2-A27B-A88FC596CA31"

app = typer.Typer()
taken: list[tuple[Filters, int]] = []


@app.command()
@filtered
def look(filters: Filters, *, limit: int = 5) -> None:
    """Takes what it is given."""
    taken.append((filters, limit))


def test_options_become_filters() -> None:
    """All of them; the command's own options stay its own."""
    given = f"--id {ID} --state parked --state redriven --stage dedupe --reason r --fingerprint f "
    times = "--field comments --account 1 --since 2026-01-01T00:00:00Z --until 2026-01-02T00:00:00Z"
    done = CliRunner().invoke(app, f"{given}{times} --limit 7")
    assert done.exit_code == 0, done.output
    assert taken.pop() == (
        Filters(
            ids=(ID.lower(),),
            states=(State.PARKED, State.REDRIVEN),
            stage="dedupe",
            reason="r",
            fingerprint="f",
            field="comments",
            account="1",
            since=datetime(2026, 1, 1, tzinfo=UTC),
            until=datetime(2026, 1, 2, tzinfo=UTC),
        ),
        7,
    )
    assert CliRunner().invoke(app, "").exit_code == 0
    assert taken.pop() == (Filters(), 5)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("--stage dedup", "archive, dedupe, persist, enrich"),
        ("--id 12", "an id of a dead letter"),
        ("--field nothing", "live_comments"),
        ("--since yesterday", "is no moment"),
        ("--since 1h --until 2h", "is not before"),
        ("--state gone", "parked"),
    ],
)
def test_what_can_choose_nothing_is_refused(given: str, told: str) -> None:
    """With what would be right: an answer of nothing would look like good news."""
    done = CliRunner().invoke(app, given, env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert told in done.output
    assert not taken


def test_parked_letters_are_meant_when_nothing_is_said() -> None:
    """And no state in which there is nothing to do."""
    assert in_states(Filters(), [State.PARKED], "do").states == (State.PARKED,)
    redriven = Filters(states=(State.REDRIVEN,))
    assert in_states(redriven, [State.REDRIVEN], "do") == redriven
    with pytest.raises(typer.BadParameter, match="nothing to do"):
        in_states(redriven, [State.PARKED], "do")
