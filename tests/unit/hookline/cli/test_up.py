"""What `hookline up` takes, and what other commands say about it."""

import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import typer

from hookline.cli.up import worker_counts

EXTRAS = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())["project"][
    "optional-dependencies"
]

WITHOUT_EXTRAS = """
import sys

class Without:
    names = sys.argv.pop(1).split(",")

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Without())
from hookline.__main__ import main
main()
"""


def test_replicas_are_read() -> None:
    """Several, with spaces or without, or none."""
    assert worker_counts("dedupe=2, persist=3") == {"dedupe": 2, "persist": 3}
    assert worker_counts("") == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("dedup=2", "no worker 'dedup'"),
        ("dedupe", "number from 1 to 64"),
        ("dedupe=0", "number from 1 to 64"),
        ("dedupe=65", "number from 1 to 64"),
        ("dedupe=-1", "number from 1 to 64"),
        ("dedupe=²", "number from 1 to 64"),
    ],
)
def test_other_replicas_are_refused(text: str, told: str) -> None:
    """With what would be right."""
    with pytest.raises(typer.BadParameter, match=told):
        worker_counts(text)


def test_wrong_usage_has_exit_code_2(tmp_path: Path) -> None:
    """And nothing is started."""
    done = _hookline("up", "--data", str(tmp_path / "data"), "--workers", "dedup=2")
    assert done.returncode == 2
    assert "no worker 'dedup'" in done.stderr
    assert not (tmp_path / "data").exists()


def test_env_needs_something_that_runs(tmp_path: Path) -> None:
    """Exit code 3, one sentence, and nothing that a shell would evaluate."""
    done = _hookline("env", "--data", str(tmp_path))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"Nothing runs on {tmp_path}")
    assert done.stderr.count("\n") == 1


def test_a_folder_that_cannot_be_used_is_told_in_a_sentence(tmp_path: Path) -> None:
    """Not with a traceback."""
    (tmp_path / "file").touch()
    done = _hookline("up", "--data", str(tmp_path / "file"))
    assert done.returncode == 1
    assert done.stderr.startswith(f"{tmp_path / 'file'} cannot be a data folder: ")
    assert done.stderr.count("\n") == 1


def test_every_wrong_setting_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that all services share as well as those of one; and nothing is started."""
    wrong = ["HOOKLINE_GRAPH_VERSION", "HOOKLINE_INGEST_READ_TIMEOUT_S", "HOOKLINE_LOG_LEVEL"]
    for name in wrong:
        monkeypatch.setenv(name, "wrong")
    done = _hookline("up", "--data", str(tmp_path / "data"))
    assert done.returncode == 2
    assert [line.partition(":")[0].strip() for line in done.stderr.splitlines()[1:]] == wrong
    assert not (tmp_path / "data" / "kafka").exists()


def test_the_command_works_without_the_packages_of_extras(tmp_path: Path) -> None:
    """As in the image of ingest. What needs one says so."""
    done = _without_extras("topics", "apply", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    done = _without_extras("up", "--data", str(tmp_path / "data"))
    assert done.returncode == 1
    assert done.stderr.startswith("This needs ")
    assert "hookline[workers,embedded]" in done.stderr


def test_a_new_vault_key_needs_the_package_that_uses_it() -> None:
    """Told in a sentence, too."""
    done = _without_extras("accounts", "new-key")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("This needs cryptography.")
    assert done.stderr.count("\n") == 1


def _hookline(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return _python("-m", "hookline", *arguments)


def _without_extras(*arguments: str) -> "subprocess.CompletedProcess[str]":
    packages = [
        re.split(r"[^a-z0-9-]", requirement)[0].replace("-", "_")
        for requirement in chain(EXTRAS["workers"], EXTRAS["embedded"])
    ]
    return _python("-c", WITHOUT_EXTRAS, ",".join(packages), *arguments)


def _python(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
