"""Runs a program that prepares something and ends."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from runtime.errors import DependencyError

TOLD_LINES: Final = 3


def run_tool(
    failure: str,
    command: Sequence[str | Path],
    env: Mapping[str, str],
    timeout_s: float,
    cwd: Path | None = None,
) -> None:
    """Returns when the program has ended well.

    Raises:
        DependencyError: begins with `failure`, and has the last lines that the program told.
    """
    try:
        done = subprocess.run(
            [str(part) for part in command],
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DependencyError(f"{failure}: it took more than {timeout_s:.0f} s.") from error
    except OSError as error:
        raise DependencyError(f"{failure}: {command[0]}: {error.strerror}.") from error
    if done.returncode:
        told = _told(done.stderr) or _told(done.stdout)
        raise DependencyError("\n".join([f"{failure}:", *told]))


def _told(output: str) -> list[str]:
    """The last lines that tell something: of a Java error, the places are left out."""
    lines = [line for line in output.splitlines() if line.strip()]
    return [line for line in lines if not line.startswith("\tat ")][-TOLD_LINES:]
