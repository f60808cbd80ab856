"""`hookline simulate serve-graph`, as a process of its own."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hookline.cli.serve_graph import next_steps
from hookline.cli.simulate import app

ENVIRONMENT = os.environ | {"HOOKLINE_APP_SECRETS": "42:hush"}


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    """A running command, and what it says when it listens."""
    command = [sys.executable, "-P", "-m", "hookline", "simulate", "serve-graph", *arguments]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline()), process
        finally:
            process.kill()


def asked(url: str) -> Any:
    """The answer of a GET."""
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - of this machine
        return json.loads(answer.read())


def test_it_serves_until_it_is_told_to_end() -> None:
    """The first line says where; SIGTERM ends it with code 0; options count."""
    options = ("--account", "17841405726653026", "--accounts", "1", "--limit", "7", "--json")
    with serving(*options, "--told-after", "1", "--page-field", "feed") as (told, process):
        assert told["app_id"] == "42"
        assert told["accounts"] == ["17841400000000001", "17841405726653026"]
        with urllib.request.urlopen(f"{told['url']}/_simulator/token", timeout=10) as answer:  # noqa: S310
            token = answer.read().decode()
        assert asked(f"{told['url']}/v25.0/17900000000000001?fields=text&access_token={token}")
        summary = asked(f"{told['url']}/_simulator/statistics")
        assert summary["accounts"]["17841400000000001"]["limit"] == 7
        subscribed = asked(f"{told['url']}/_simulator/subscribed?account=17841405726653026")
        assert subscribed == {"subscribed": True, "fields": []}
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.1 is the only address there")
def test_it_listens_where_it_is_told() -> None:
    """Another address, for who is not on this machine."""
    with serving("--host", "127.0.0.2", "--json") as (told, _):
        assert told["url"].startswith("http://127.0.0.2:")
        assert asked(f"{told['url']}/_simulator/statistics")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fault", "flood"], "Invalid value"),
        (["--deleted", "2"], "Invalid value"),
        (["--app-id", "7"], "no secret for app 7"),
    ],
)
def test_wrong_options_are_refused(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code 2, in one sentence."""
    monkeypatch.setenv("HOOKLINE_APP_SECRETS", "42:hush")
    result = CliRunner().invoke(app, ["serve-graph", *arguments])
    assert result.exit_code == 2
    assert message in result.output


def test_next_steps_are_those_of_the_line() -> None:
    """By its folder, which knows the address, whichever name of this machine that has."""
    url, folder = "http://127.0.0.1:8090", Path("my data")
    assert f"send --graph {url}" in next_steps(url, None, None)
    told = next_steps(url, folder, "http://localhost:8090")
    assert "connect --token-file - --data 'my data'" in told
    assert "send --data 'my data'" in told


@pytest.mark.parametrize("asks", [None, "http://127.0.0.1:8091"])
def test_nobody_is_told_to_connect_a_line_that_asks_another(asks: str | None) -> None:
    """A simulated token is nothing to be sent to Meta."""
    told = next_steps("http://127.0.0.1:8090", Path("data"), asks)
    assert "HOOKLINE_GRAPH_URL=http://127.0.0.1:8090" in told
    assert "connect" not in told


def test_a_port_that_is_taken_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code 2."""
    with serving("--json") as (told, _):
        port = told["url"].rpartition(":")[2]
        monkeypatch.setenv("HOOKLINE_APP_SECRETS", "42:hush")
        result = CliRunner().invoke(app, ["serve-graph", "--port", port])
    assert result.exit_code == 2
    assert f"Port {port} cannot be listened on" in result.output
