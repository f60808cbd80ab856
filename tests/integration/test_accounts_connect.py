"""`hookline accounts connect`, as operators run it, against the simulated Graph API."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.vault import Vault
from schemas.settings import VaultSettings
from simulator.graph.faults import Fault
from simulator.graph.options import GraphOptions
from simulator.graph.server import serve_graph
from tests.integration.operating import Operator
from tests.integration.service import free_port
from tests.integration.verb import asked, verb

OPTIONS: Final = GraphOptions(accounts=5, page_size=2)


@pytest.fixture
async def operator(engine: AsyncEngine, database_url: str) -> AsyncIterator[Operator]:
    """With a Graph API whose lists have two Pages at a time."""
    async with serve_graph(OPTIONS) as server:
        yield Operator(engine, database_url, server)


async def test_all_accounts_of_all_pages_are_connected(operator: Operator) -> None:
    """With a token of sixty days for the one of two hours, and each Page's own; all sealed."""
    ran = await operator.connect("--json")
    assert ran.code == 0, ran.err
    everybody = sorted(operator.graph.directory.accounts)
    assert [one["account_id"] for one in ran.document["accounts"]] == everybody
    assert operator.graph.statistics.endpoints["accounts"] == 3
    rows = {row["account_id"]: row for row in await operator.rows()}
    assert sorted(rows) == everybody
    vault = Vault(VaultSettings.model_validate({"vault_keys": operator.key}))
    for account in operator.graph.directory.accounts.values():
        row = rows[account.id]
        assert vault.open(row["user_token"]) == operator.graph.tokens.user_token(0, long_lived=True)
        assert vault.open(row["page_token"]) == operator.graph.tokens.page_token(account)
        assert (row["page_id"], row["state"]) == (account.page_id, "active")
        left = row["expires_at"] - datetime.now(UTC)
        assert timedelta(days=59) < left < timedelta(days=61)
        assert row["data_access_expires_at"] > row["expires_at"]
    [operation] = await operator.rows("SELECT * FROM hookline.operations")
    assert (operation["verb"], operation["state"]) == ("accounts connect", "done")
    assert (operation["arguments"], operation["counts"]) == (
        {"accounts": everybody},
        {"written": 5},
    )


async def test_a_token_from_a_file(operator: Operator, tmp_path: Path) -> None:
    """With a line end, as editors leave it."""
    file = tmp_path / "token"
    file.write_text(f"{operator.token}\n")
    ran = await verb("accounts", "connect", "--token-file", str(file), **operator.settings)
    assert (ran.code, ran.err) == (0, "5 connected.\n")
    file.write_text(f"{operator.token}\nand another line\n")
    words = await verb("accounts", "connect", "--token-file", str(file), **operator.settings)
    assert (words.code, operator.token in words.err) == (2, False)
    assert "holds no token" in words.err
    missing = await verb("accounts", "connect", "--token-file", "/nowhere", **operator.settings)
    assert (missing.code, missing.err) == (1, "/nowhere: No such file or directory.\n")


async def test_a_token_that_is_asked_for_is_not_shown(operator: Operator) -> None:
    """On a terminal; elsewhere nobody is asked."""
    ran, shown = await asked(
        "User token: ", operator.token, "accounts", "connect", **operator.settings
    )
    assert ran.code == 0, ran.err
    assert len(await operator.rows()) == 5
    assert operator.token not in shown + ran.out + ran.err
    nobody = await verb("accounts", "connect", **operator.settings)
    assert nobody.code == 2
    assert "--token-file" in nobody.err


async def test_one_account_of_several(operator: Operator) -> None:
    """Those that are named, and nothing when one of them is out of reach."""
    first, second, *_ = sorted(operator.graph.directory.accounts)
    ran = await operator.connect("--account", second, "--json")
    assert [one["account_id"] for one in ran.document["accounts"]] == [second]
    ran = await operator.connect("--account", first, "--account", "17")
    assert ran.code == 1
    assert "does not reach 17." in ran.err
    assert first in ran.err
    assert [row["account_id"] for row in await operator.rows()] == [second]


async def test_a_dry_run_stores_nothing(operator: Operator) -> None:
    """It tells the same."""
    dry = await operator.connect("--dry-run", "--json")
    assert dry.code == 0
    assert await operator.rows() == []
    assert await operator.rows("SELECT * FROM hookline.operations") == []
    done = await operator.connect("--json")
    times = {"connected_at", "state_changed_at", "checked_at"}
    for told in (dry, done):
        assert len(told.document["accounts"]) == 5
    for before, after in zip(dry.document["accounts"], done.document["accounts"], strict=True):
        assert {name for name in before if before[name] != after[name]} <= {
            *times,
            "expires_at",
            "data_access_expires_at",
            "ends_at",
        }


async def test_permissions_that_are_missing_are_named(operator: Operator) -> None:
    """Those nobody granted, and those granted for other accounts, as debug_token tells them."""
    first, second, *_ = sorted(operator.graph.directory.accounts)
    grants = operator.graph.grants
    scopes = tuple(scope for scope in grants.first.scopes if scope != "instagram_manage_insights")
    targets = {"instagram_manage_comments": (first,)}
    grants.now = grants.first.model_copy(update={"scopes": scopes, "targets": targets})
    ran = await operator.connect("--json")
    lacks = {one["account_id"]: one["missing_scopes"] for one in ran.document["accounts"]}
    assert lacks[first] == ["instagram_manage_insights"]
    assert lacks[second] == ["instagram_manage_comments", "instagram_manage_insights"]
    listed = await verb("accounts", "list", **operator.settings)
    [line] = [one for one in listed.out.splitlines() if second in one]
    assert "instagram_manage_comments, instagram_manage_insights" in line


async def test_a_system_users_token_is_kept_as_it_is(operator: Operator) -> None:
    """It does not end, and cannot be exchanged."""
    ran = await operator.connect(token=operator.graph.tokens.system_token(0))
    assert ran.code == 0, ran.err
    assert operator.graph.statistics.endpoints["token_exchange"] == 0
    assert {row["expires_at"] for row in await operator.rows()} == {None}


@pytest.mark.parametrize("kind", ["ended", "unknown", "a Page's", "the app's", "another app's"])
async def test_a_token_that_is_of_no_use(operator: Operator, kind: str) -> None:
    """The message says what to do, nothing is stored, and the token is not repeated."""
    graph, token = operator.graph, operator.token
    if kind == "ended":
        graph.end_tokens(0, 463)
    elif kind == "unknown":
        token = "EAAUnknownToEverybody"
    elif kind == "a Page's":
        token = graph.tokens.page_token(next(iter(graph.directory.accounts.values())))
    elif kind == "the app's":
        token = f"{OPTIONS.app_id}|{OPTIONS.app_secret}"
    else:
        graph.grants.now = graph.grants.first.model_copy(update={"app_id": "8"})
    ran = await operator.connect(token=token)
    expected = {
        "ended": "not valid any more. Generate another one.",
        "a Page's": "Give the token of a user",
        "the app's": "Give the token of a user",
    }
    assert ran.code == 1
    assert expected.get(kind, "is of no app of HOOKLINE_APP_SECRETS") in ran.err
    assert ran.err.count("\n") == 1
    assert ran.out == ""
    assert token not in ran.err
    assert await operator.rows() == []


async def test_the_exchange_is_refused(operator: Operator) -> None:
    """Told with Meta's code, which is all that may be told."""
    operator.graph.faults.wanted = (Fault(kind="error", code=190, endpoint="token_exchange"),)
    ran = await operator.connect()
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "Meta refused token_exchange: token_dead, code 190.\n"


@pytest.mark.parametrize("away", ["nobody listens", "too slow", "cut", "503", "throttled"])
async def test_the_graph_api_is_away(operator: Operator, away: str) -> None:
    """That is no fault of the token."""
    changed = {}
    if away == "nobody listens":
        changed["GRAPH_URL"] = f"http://127.0.0.1:{free_port()}"
    elif away == "too slow":
        operator.graph.faults.wanted = (Fault(kind="slow", delay_ms=3000),)
        changed["GRAPH_TIMEOUT_S"] = "0.5"
    elif away == "cut":
        operator.graph.faults.wanted = (Fault(kind="drop_before"),)
    elif away == "503":
        operator.graph.faults.wanted = (Fault(kind="status", status=503),)
    else:
        operator.graph.faults.wanted = (Fault(kind="error", code=4, endpoint="accounts"),)
    ran = await operator.connect(**changed)
    assert ran.code == 3
    assert ran.err.startswith(
        ("The Graph API cannot be reached (", "The Graph API does not answer")
    )
    assert ran.err.count("\n") == 1
    assert ran.out == ""
    assert await operator.rows() == []


async def test_an_app_without_a_number_is_told(operator: Operator) -> None:
    """Its id goes into paths of Meta's: one sentence, before Meta is asked anything."""
    ran = await operator.connect(APP_SECRETS="brand:5ec2e7")
    assert ran.code == 2
    assert "HOOKLINE_APP_SECRETS: must be app_id:secret, where the app's id has digits" in ran.err
    assert "Traceback" not in ran.err
    assert "5ec2e7" not in ran.err
    assert operator.graph.statistics.endpoints.total() == 0


async def test_settings_that_are_missing_are_all_told(operator: Operator) -> None:
    """At once, before Meta is asked anything."""
    del operator.settings["VAULT_KEYS"], operator.settings["APP_SECRETS"]
    ran = await operator.connect()
    assert ran.code == 2
    assert "HOOKLINE_VAULT_KEYS: missing" in ran.err
    assert "HOOKLINE_APP_SECRETS: missing" in ran.err
    assert operator.graph.statistics.endpoints.total() == 0
