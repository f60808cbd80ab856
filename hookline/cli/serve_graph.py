"""`hookline simulate serve-graph`: a Graph API on this machine. Owns options and output."""

# ruff: noqa: PLC0415 - imports wait for the command that needs them: help must come at once

import asyncio
import json
import shlex
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from hookline.cli.simulated import AppId, AsJson, Data, fail, graph_of, target_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.graph.options import GraphOptions
    from simulator.graph.server import GraphServer

READY: Final = """Graph API at {url}
  use it      export HOOKLINE_GRAPH_URL={url}
  connect     curl -s {url}/_simulator/token | hookline accounts connect --token-file -{of}
  tell it     hookline simulate send{to}
  look        curl -s {url}/_simulator/statistics
  stop        Ctrl-C"""

ELSEWHERE: Final = """Graph API at {url}
What runs on {data} asks another one: start it again with HOOKLINE_GRAPH_URL={url}"""


def _share(of_what: str) -> Any:
    """An option that is a share of something."""
    return typer.Option(min=0, max=1, help=f"Share of {of_what}.")


def serve_graph(  # noqa: PLR0913 - the options of a command
    *,
    host: Annotated[str, typer.Option(help="0.0.0.0: other machines reach it.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    seed: Annotated[int, typer.Option(help="Same seed, same tokens and answers.")] = 0,
    accounts: Annotated[
        int, typer.Option(min=1, max=100_000, help="Accounts of the simulated traffic.")
    ] = 3,
    account: Annotated[
        list[str] | None, typer.Option(help="Another account, by its id; repeatable.")
    ] = None,
    users: Annotated[
        int, typer.Option(min=1, help="Who manages the accounts, in turn; each has tokens.")
    ] = 1,
    limit: Annotated[int, typer.Option(min=0, help="Calls for an account in a window.")] = 4800,
    window: Annotated[float, typer.Option(min=0.1, help="Seconds of that window.")] = 86400.0,
    minute: Annotated[
        float, typer.Option(min=0.001, help="Seconds of a minute that headers tell.")
    ] = 60.0,
    told_after: Annotated[int, typer.Option(min=0, help="Calls before headers tell usage.")] = 5,
    app_limit: Annotated[int, typer.Option(min=0, help="Calls of the app in an hour.")] = 100_000,
    albums: Annotated[float, _share("media that are parts of an album")] = 0.25,
    deleted: Annotated[float, _share("objects that are gone")] = 0.0,
    restricted: Annotated[float, _share("people whose comments cannot be read")] = 0.0,
    unreadable_ads: Annotated[float, _share("comments on ads that cannot be read")] = 0.5,
    air: Annotated[
        float | None, typer.Option(help="Seconds for which live comments can be read.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Nothing is found that it was not told of.")
    ] = False,
    require_proof: Annotated[
        bool, typer.Option("--require-proof", help="Calls need appsecret_proof.")
    ] = False,
    duplicates: Annotated[
        float, typer.Option(min=0, help="Seconds for which the same answer again is refused.")
    ] = 0.0,
    page_field: Annotated[
        list[str] | None,
        typer.Option(help="A field that Pages are subscribed to at the start; repeatable."),
    ] = None,
    refuse_pages: Annotated[
        bool, typer.Option("--refuse-pages", help="Subscribing a Page is answered with false.")
    ] = False,
    refuse_instagram: Annotated[
        bool, typer.Option("--refuse-instagram", help="Only the dashboard subscribes the app.")
    ] = False,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND[:NUMBER[/SUBCODE]][@ACCOUNT][=PROBABILITY]",
            help="What goes wrong: error:2=0.05, error:190/463@17841…, status:503, slow:300=0.1, "
            "drop_before, drop_after, garbage, unfinished, and once the work was done "
            "error_after:20/1772107, status_after:502, slow_after:900; repeatable.",
        ),
    ] = None,
    data: Data = None,
    app_id: AppId = None,
    as_json: AsJson = False,
) -> None:
    """Serve a Graph API on this machine until Ctrl-C, for the app of HOOKLINE_APP_SECRETS.

    It knows what `send --graph` tells it of; the rest it draws from ids and the seed.
    """
    from simulator.graph.faults import read_fault
    from simulator.graph.options import APP_LIMIT, GraphOptions
    from simulator.graph.usage import Limit

    try:
        faults = tuple(read_fault(text) for text in fault or ())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--fault") from error
    target = target_of(data, None, app_id)
    options = GraphOptions(
        seed=seed,
        app_id=target.app_id,
        app_secret=target.app_secret.decode(),
        accounts=accounts,
        account_ids=tuple(account or ()),
        users=users,
        require_proof=require_proof,
        account_limit=Limit(limit, window, min(window, 60.0), told_after, minute),
        app_limit=replace(APP_LIMIT, calls=app_limit, told_after=told_after, minute_s=minute),
        album_share=albums,
        deleted_share=deleted,
        restricted_share=restricted,
        unreadable_ad_share=unreadable_ads,
        air_s=air,
        invent=not strict,
        duplicate_s=duplicates,
        page_fields=tuple(page_field or ()),
        refuse_pages=refuse_pages,
        refuse_instagram=refuse_instagram,
        faults=faults,
    )
    asks = graph_of(data, None)

    def tell(server: "GraphServer") -> str:
        return _where(server) if as_json else next_steps(server.url, data, asks)

    try:
        asyncio.run(_serve(options, host, port, tell))
    except OSError as error:
        fail(f"Port {port} cannot be listened on: {error.strerror}.", code=2)


async def _serve(
    options: "GraphOptions", host: str, port: int, tell: "Callable[[GraphServer], str]"
) -> None:
    """Serves until Ctrl-C or SIGTERM; says where once it listens."""
    from simulator.graph.server import serve_graph as serving

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(options, port, host=host) as server:
        typer.echo(tell(server))
        await stop.wait()


def next_steps(url: str, data: Path | None, asks: str | None) -> str:
    """What to do next, for the line on the folder if there is one.

    Args:
        url: of this Graph API.
        asks: the address of the one that the line asks, when it is on this machine.
    """
    if data is None:
        return READY.format(url=url, of="", to=f" --graph {url}")
    if asks is None or urlsplit(asks).port != urlsplit(url).port:
        return ELSEWHERE.format(url=url, data=data)
    of = f" --data {shlex.quote(str(data))}"
    return READY.format(url=url, of=of, to=of)


def _where(server: "GraphServer") -> str:
    graph = server.graph
    app_id, accounts = graph.options.app_id, list(graph.directory.accounts)
    return json.dumps({"url": server.url, "app_id": app_id, "accounts": accounts})
