"""The filters of `hookline dead-letters`: its verbs share ten options, and get one `Filters`."""

# ruff: noqa: PLC0415 - imports wait for the command: help must come at once

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from hookline.cli.options import Account, FieldOption, Ids, Since, Until
from hookline.moments import require_order
from schemas.dead_letters import State

if TYPE_CHECKING:
    from hookline.dead_letters.filters import Filters


def stage_of_worker(name: str) -> str:
    """The name, when a worker has it.

    Raises:
        typer.BadParameter: none has.
    """
    from workers.registry import WORKERS

    if name not in WORKERS:
        raise typer.BadParameter(f"one of {', '.join(WORKERS)}")
    return name


def letter_id(given: str) -> str:
    """The id of a letter, as the table writes it.

    Raises:
        typer.BadParameter: no letter can have such an id.
    """
    try:
        return str(UUID(given))
    except ValueError as error:
        raise typer.BadParameter("an id of a dead letter, as `list` tells it") from error


def _filters(  # noqa: PLR0913 - the filters
    *,
    ids: Ids = None,
    state: Annotated[
        list[State] | None, typer.Option("--state", help="Only in this state; repeatable.")
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option(
            "--stage", parser=stage_of_worker, metavar="WORKER", help="Only of this worker."
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Only with this reason.")] = None,
    fingerprint: Annotated[
        str | None, typer.Option("--fingerprint", help="Only of this cause, as `stats` tells it.")
    ] = None,
    field: FieldOption = None,
    account: Account = None,
    since: Since = None,
    until: Until = None,
) -> "Filters":
    from hookline.dead_letters.filters import Filters

    try:
        require_order(since, until)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return Filters(
        ids=tuple(map(letter_id, ids or ())),
        states=tuple(state or ()),
        stage=stage,
        reason=reason,
        fingerprint=fingerprint,
        field=field,
        account=account,
        since=since,
        until=until,
    )


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """The command with those options in the place of its parameter `filters`."""
    options = inspect.signature(_filters).parameters
    own = inspect.signature(command).parameters

    @wraps(command, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
    def with_options(**given: Any) -> None:
        chosen = {name: given.pop(name) for name in options}
        command(filters=_filters(**chosen), **given)

    shown = [*options.values(), *(own[name] for name in own if name != "filters")]
    with_options.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]  # for typer
    return with_options


def in_states(filters: "Filters", allowed: Sequence[State], purpose: str) -> "Filters":
    """The filters with the states that are meant: parked, when nothing is said.

    Raises:
        typer.BadParameter: a state is none of the allowed.
    """
    from dataclasses import replace

    for state in filters.states:
        if state not in allowed:
            raise typer.BadParameter(f"--state {state}: there is nothing to {purpose}")
    return replace(filters, states=filters.states or (State.PARKED,))
