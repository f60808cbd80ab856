"""The Graph API of a demonstration: simulated, for the line's own app and all its accounts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.accounts.connecting import connect
from hookline.embedded.state import Kept, State
from runtime.configuration import load
from schemas.settings import AccountsSettings
from simulator.graph.options import GraphOptions
from simulator.graph.server import GraphServer, serve_graph
from simulator.graph.usage import Limit

HOUR_S: Final = 3600.0

AMPLE: Final = Limit(1_000_000, HOUR_S)
"""Everything can be read at once: a demonstration is not there to wait."""


@asynccontextmanager
async def open_graph(folder: Path, seed: int) -> AsyncIterator[GraphServer]:
    """One that answers for the app of the line in this folder, as Meta does.

    Half of the comments that came with an ad alone cannot be read.
    """
    kept = _kept(folder)
    options = GraphOptions(
        seed=seed,
        app_id=kept.app_id,
        app_secret=kept.app_secret,
        require_proof=True,
        account_limit=AMPLE,
        app_limit=AMPLE,
    )
    async with serve_graph(options) as server:
        yield server


def _kept(folder: Path) -> Kept:
    """The settings that the line will have."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = Kept.load(folder)
    kept.save(folder)
    return kept


async def connect_accounts(engine: AsyncEngine, state: State, server: GraphServer) -> int:
    """Connects every account, as `hookline accounts connect` does; how many there are."""
    given = {
        "database_url": state.database_url,
        "app_secrets": f"{state.app_id}:{state.app_secret}",
        "vault_keys": state.vault_keys,
        "graph_url": state.graph_url,
    }
    token = server.graph.tokens.user_token(0)
    return len(await connect(engine, load(AccountsSettings, given), token, (), dry_run=False))
