"""What `hookline replies` takes, and what it refuses before it does anything."""

import pytest
from typer.testing import CliRunner

from hookline.cli.replies import State, app
from hookline.replies.row import STATES

EVENT = "mentions:17:18:19"


def test_the_states() -> None:
    """Are those of the outbox."""
    assert tuple(State) == STATES


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("list --since 1h --until 2h", "is not before"),
        ("list --state gone", "planned"),
        ("settle k", "--sent or --not-sent"),
        ("settle k --sent --again", "--again goes with --not-sent"),
        ("settle k --sent", "--yes"),
        ("settle k l --sent --reply-id 1 --yes", "one KEY"),
        ("settle k --not-sent --reply-id 1 --yes", "goes with --sent"),
        ("settle k --sent --reply-id one --yes", "digits"),
        (f"send {EVENT} --yes", "--message-file"),
        (f"send {EVENT} --message-file -", "--yes"),
        (f"send {EVENT} --message-file - --yes", "without a text"),
        ("send --message-file - --yes", "what is to be answered"),
        (f"send {EVENT} --media 18 --message-file - --yes", "what is to be answered"),
        ("send --account 17 --message-file - --yes", "what is to be answered"),
        ("send --media 17 --message-file - --yes", "what is to be answered"),
        ("send --account x --media 17 --message-file - --yes", "digits"),
        ("send live_comments:17:18 --message-file - --yes", "live"),
        (f"send {EVENT}#thanks --message-file - --yes", "digits"),
    ],
)
def test_what_is_refused(given: str, told: str) -> None:
    """With what would be right."""
    done = CliRunner().invoke(app, given, env={"COLUMNS": "300"})
    assert done.exit_code == 2
    assert told in done.output


def test_bytes_are_no_message() -> None:
    """Only text in UTF-8 is."""
    given = f"send {EVENT} --message-file - --yes"
    done = CliRunner().invoke(app, given, input=b"\xff\xfe", env={"COLUMNS": "300"})
    assert done.exit_code == 2
    assert "UTF-8" in done.output
