"""`hookline simulate`: options, exit codes, and one JSON document on standard output."""

import asyncio
import fcntl
import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hookline.cli.simulate import app
from hookline.embedded.lock import LOCK_FILE
from hookline.embedded.state import State, write_state
from runtime.errors import DependencyError
from tests.unit.simulator.receiver import SECRET, Receiver, receiving

RUN = CliRunner()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver in a thread of its own: a command runs an event loop of its own."""
    ready, stop = threading.Event(), asyncio.Event()
    started: list[Receiver] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with receiving() as receiver:
            started.append(receiver)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    assert ready.wait(10)
    yield started[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the surrounding environment, but the secret."""
    for name in ("INGEST_URL", "APP_SECRETS_FILE", "INGEST_URL_FILE"):
        monkeypatch.delenv(f"HOOKLINE_{name}", raising=False)
    monkeypatch.setenv("HOOKLINE_APP_SECRETS", f"41:other,42:{SECRET.decode()}")


def run(*arguments: str) -> Result:
    """The command with these arguments."""
    return RUN.invoke(app, list(arguments))


def test_send_tells_what_was_acknowledged_and_what_to_expect(receiver: Receiver) -> None:
    """One JSON document; seed and counts in it."""
    result = run(
        "send", "--url", receiver.url, "--app-id", "42", "--deliveries", "130", "--seed", "3",
        "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["seed"] == 3
    assert document["sent"] == 130
    assert document["acknowledged"] == receiver.accepted.total()
    assert document["expected"]["deliveries"] == document["acknowledged"]
    assert document["refused"] > 0 == document["given_up"]


def test_send_narrows_to_fields_and_cases(receiver: Receiver) -> None:
    """`--field` and `--case` are repeatable."""
    result = run(
        "send", "--url", receiver.url, "--app-id", "42", "--deliveries", "9",
        "--field", "mentions", "--field", "comments", "--case", "in_caption", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["changes"] == {"mentions": 9}
    assert document["expected"]["caption_mentions"] == 9


def test_send_reads_a_running_stack(receiver: Receiver, tmp_path: Path) -> None:
    """`--data` takes address and secret from what runs there, and no environment."""
    state = State(
        ingest_url=receiver.url,
        kafka_bootstrap="",
        database_url="",
        metrics_urls={},
        pids={},
        app_id="77",
        app_secret=SECRET.decode(),
        verify_token="",
        vault_keys="",
        graph_url="https://graph.facebook.com",
    )
    with (tmp_path / LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        print(os.getpid(), file=lock, flush=True)
        write_state(tmp_path, state)
        result = run("send", "--data", str(tmp_path), "--deliveries", "3", "--case", "organic")
        assert result.exit_code == 0, result.output
        assert "acknowledged" in result.stdout
        assert receiver.accepted.total() == 3
        wrong_app = run("send", "--data", str(tmp_path), "--app-id", "78")
        assert (wrong_app.exit_code, wrong_app.stdout) == (2, "")
    assert isinstance(run("send", "--data", str(tmp_path)).exception, DependencyError)


def test_burst_prints_throughput(receiver: Receiver) -> None:
    """So many deliveries of so many updates."""
    result = run(
        "burst", "--url", receiver.url, "--app-id", "42", "--deliveries", "5", "--changes", "20",
        "--field", "comments", "--field", "story_insights", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["changes"] == {"comments": 50, "story_insights": 50}
    assert document["changes_per_s"] > 0 < document["latency_p99_ms"]


def test_burst_for_a_time(receiver: Receiver) -> None:
    """Sends until the time is over."""
    result = run(
        "burst", "--url", receiver.url, "--app-id", "42", "--duration", "0.1", "--rate", "50",
        "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert 1 <= json.loads(result.stdout)["acknowledged"] <= 8


def test_unacknowledged_deliveries_give_code_1(receiver: Receiver) -> None:
    """The wrong app's secret: everything is refused, for as long as it is sent."""
    result = run(
        "send", "--url", receiver.url, "--app-id", "41", "--deliveries", "2", "--case", "organic",
        "--compression", "100000000", "--json",
    )  # fmt: skip
    assert result.exit_code == 1, result.output
    document = json.loads(result.stdout)
    assert (document["given_up"], document["acknowledged"]) == (2, 0)
    assert set(document["answers"]) == {"401"}


@pytest.mark.parametrize("verb", ["send", "burst"])
def test_nothing_listening_gives_code_3(verb: str) -> None:
    """One sentence with the way out, and nothing on standard output."""
    result = run(verb, "--url", "http://127.0.0.1:1", "--json")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("Nothing answers at http://127.0.0.1:1: start")


@pytest.mark.parametrize(
    "arguments",
    [
        ["send", "--url", "http://192.0.2.1:8080"],
        ["burst", "--url", "http://example.com"],
        ["send", "--url", "ftp://127.0.0.1"],
        ["send", "--case", "no such case"],
        ["send", "--field", "likes"],
        ["send", "--app-id", "43"],
        ["send", "--deliveries", "0"],
        ["burst", "--field", "other"],
        ["burst", "--changes", "1001"],
    ],
)
def test_wrong_usage_gives_code_2(arguments: list[str]) -> None:
    """Nothing is sent, and no secret is shown."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr
    assert SECRET.decode() not in result.stderr


def test_settings_are_named_when_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """All problems at once."""
    monkeypatch.delenv("HOOKLINE_APP_SECRETS")
    monkeypatch.setenv("HOOKLINE_INGEST_URL", "ftp://127.0.0.1")
    result = run("send")
    assert result.exit_code == 2
    assert "HOOKLINE_APP_SECRETS: missing" in result.stderr
    assert "HOOKLINE_INGEST_URL: must be http" in result.stderr


def test_secrets_come_from_a_file(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As containers give them; the first app's secret signs when none is named."""
    (tmp_path / "secrets").write_text(f"42:{SECRET.decode()}\n")
    monkeypatch.delenv("HOOKLINE_APP_SECRETS")
    monkeypatch.setenv("HOOKLINE_APP_SECRETS_FILE", str(tmp_path / "secrets"))
    monkeypatch.setenv("HOOKLINE_INGEST_URL", receiver.url)
    result = run("send", "--deliveries", "1", "--case", "organic", "--json")
    assert result.exit_code == 0, result.output


def test_cases_are_listed(tmp_path: Path) -> None:
    """For people and for machines; samples on request."""
    listed = json.loads(run("cases", "--json").stdout)
    assert {"name", "group", "fields", "summary"} == set(listed[0])
    assert "organic_then_ad" in run("cases").stdout
    assert run("cases", "--write", str(tmp_path), "--json").exit_code == 0
    assert (tmp_path / "comments" / "organic.json").exists()


def test_progress_is_shown_on_terminals_only(
    receiver: Receiver, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bar on standard error where a person looks; nothing where a log is written."""
    arguments = ["send", "--url", receiver.url, "--app-id", "42", "--deliveries", "5", "--json"]
    assert run(*arguments).stderr == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with pytest.raises(SystemExit) as ended:
        app(arguments)
    assert ended.value.code == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["sent"] == 5
    assert "acknowledged" in err
