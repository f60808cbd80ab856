"""Programs that prepare something."""

import sys
from pathlib import Path

import pytest

from hookline.embedded.tool import run_tool
from runtime.errors import DependencyError


def run(code: str, timeout_s: float = 30) -> None:
    """Runs a program of ours."""
    run_tool("It cannot be set up", [sys.executable, "-c", code], {}, timeout_s)


def test_a_program_that_ends_well_is_silent() -> None:
    """Whatever it told."""
    run("print('fine')")


def test_the_last_lines_tell_why_it_failed() -> None:
    """Of a Java error its message, not the places it came through."""
    with pytest.raises(DependencyError) as raised:
        run(r"import sys; print('no\nBad port\n\tat a.b.C\n\tat d.e.F', file=sys.stderr); exit(1)")
    assert str(raised.value) == "It cannot be set up:\nno\nBad port"


def test_standard_output_is_told_when_there_are_no_errors() -> None:
    """Some programs complain there."""
    with pytest.raises(DependencyError, match="on output"):
        run("print('on output'); exit(1)")


def test_a_program_that_hangs_is_ended() -> None:
    """With its time told."""
    with pytest.raises(DependencyError, match="took more than"):
        run("import time; time.sleep(600)", timeout_s=0.2)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Rather than a traceback."""
    with pytest.raises(DependencyError, match="missing: No such file"):
        run_tool("It cannot be set up", [tmp_path / "missing"], {}, 1)
