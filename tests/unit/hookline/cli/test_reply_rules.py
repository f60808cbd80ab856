"""`hookline replies rules check`, as far as it asks no database."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hookline.cli.replies import app

RULES = """
[[rule]]
name = "challenge"
on = ["comment_mention"]
words = ["challenge"]
answers = ["Challenge accepted, {username}!"]
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A file of rules."""
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


def _run(*arguments: str | Path, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(
        app, ["rules", "check", *map(str, arguments)], input=given, env={"COLUMNS": "300"}
    )


def test_a_file_is_explained(rules: Path) -> None:
    """With what it would answer."""
    done = _run(rules)
    assert done.exit_code == 0
    assert "Challenge accepted, somebody!" in done.stdout


def test_a_sample_is_asked_about(rules: Path, tmp_path: Path) -> None:
    """From a file, or from standard input."""
    (tmp_path / "sample").write_text("A CHALLENGE for you")
    for done in (
        _run(rules, "--json", "--sample", tmp_path / "sample"),
        _run(rules, "--json", "--sample", "-", given="A CHALLENGE for you"),
    ):
        assert done.exit_code == 0
        [sample] = json.loads(done.stdout)["samples"]
        assert sample["answer"] == "Challenge accepted, somebody!"


def test_every_problem_is_told(rules: Path) -> None:
    """On standard error, and in the document."""
    rules.write_text(RULES + "max = 1\nstart = 5")
    done = _run(rules, "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert not told["ok"]
    assert len(told["problems"]) == 2
    for problem in told["problems"]:
        assert problem in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--data", "x"], "--data goes with"),
        (["--since", "1h", "--until", "2h"], "is not before"),
        (["--sample", "/no/such/file"], "cannot be read"),
        (["--sample", "-"], "line 1 is no JSON"),
    ],
)
def test_what_is_refused(rules: Path, arguments: list[str], told: str) -> None:
    """With what would be right."""
    done = _run(rules, *arguments, given="{")
    assert done.exit_code == 2
    assert told in done.output


def test_there_is_no_such_file(tmp_path: Path) -> None:
    """Which is no problem of the file."""
    assert _run(tmp_path / "none").exit_code == 2
