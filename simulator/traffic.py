"""Streams of deliveries. Owns what follows what: the same for one seed and options."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, count, cycle, islice
from time import monotonic
from typing import Final

from simulator import comments, mentions, shapes, stories
from simulator.cases import CASES, Case
from simulator.delivery import Delivery
from simulator.wire import MAX_CHANGES, Notification
from simulator.world import START_S, Account, World

LATER: Final = 12
"""How many deliveries come, at most, between the parts of a duplicate."""

RARE_EVERY: Final = 1000
"""Deliveries from one rare one to the next. A worker stops when more than 1 % of 1000 records are
dead letters; behind others it may read those of one topic alone, a seventh of all."""

MAX_CHARACTERS: Final = 2200
"""Characters that a comment holds at most, as far as is known."""

WIDEST_CHARACTER: Final = "🔥"
"""Twelve bytes on the wire: two escapes of six."""


def mixed(
    seed: int,
    deliveries: int,
    cases: Sequence[Case] = CASES,
    *,
    accounts: int = 3,
    start_s: int = START_S,
) -> Iterator[Delivery]:
    """`deliveries` deliveries drawn from `cases` by weight.

    Every case that has a weight and is not rare comes once before chance decides, as far as the
    number reaches, so that any run of some length shows all of them. Rare ones come in turn: one
    among these, and then one every 1000 deliveries. Later parts of a duplicate come some deliveries
    after the first; the last ones may fall off the end. When no case has a weight, or all are
    rare, all are alike.
    """
    return islice(_mixed(World(seed, accounts=accounts, start_s=start_s), cases), deliveries)


def _mixed(world: World, cases: Sequence[Case]) -> Iterator[Delivery]:
    wanted = [case for case in cases if case.weight > 0] or list(cases)
    weighted = [case for case in wanted if not case.rare] or wanted
    bounds = list(accumulate(case.weight or 1.0 for case in weighted))
    rare = [case for case in wanted if case not in weighted]
    world.random.shuffle(rare)
    in_turn = cycle(rare)
    first_round = [*weighted, *islice(in_turn, 1)]
    world.random.shuffle(first_round)
    later: list[tuple[int, int, Delivery]] = []
    order = count()
    due_rare = RARE_EVERY
    for index in count():
        if later and later[0][0] <= index:
            yield heapq.heappop(later)[2]
            continue
        if first_round:
            case = first_round.pop()
        elif rare and index >= due_rare:
            case, due_rare = next(in_turn), due_rare + RARE_EVERY
        else:
            case = world.random.choices(weighted, cum_weights=bounds)[0]
        first, *rest = case.build(world)
        due = index
        for delivery in rest:
            due += 1 + int(world.random.random() * LATER)
            heapq.heappush(later, (due, next(order), delivery))
        yield first


def of_case(case: Case, seed: int) -> list[Delivery]:
    """The deliveries of one case in a world of its own: what samples are made of."""
    return case.build(World(seed))


def burst(
    seed: int, changes: int = 1, fields: Sequence[str] = ("comments",), *, accounts: int = 3
) -> Iterator[Delivery]:
    """Deliveries of `changes` updates each, without end: load. Every update is a new event.

    Args:
        seed: of the world.
        changes: updates in each delivery, 1 to 1000.
        fields: the fields of the updates, in turn: `comments`, `live_comments`, `mentions`,
            `story_insights`.
        accounts: how many accounts share the load.
    """
    if not 1 <= changes <= MAX_CHANGES:
        raise ValueError(f"changes must be between 1 and {MAX_CHANGES}")
    if unknown := sorted(set(fields) - {"comments", "live_comments", "mentions", "story_insights"}):
        raise ValueError(f"not a field of its own: {', '.join(unknown)}")
    world = World(seed, accounts=accounts)
    turn = count()
    while True:
        account = world.account()
        updates = [
            _update(world, account, fields[next(turn) % len(fields)]) for _ in range(changes)
        ]
        yield shapes.batch(world, "burst", account, updates)


def for_seconds(
    stream: Iterator[Delivery], duration_s: float, clock: Callable[[], float] = monotonic
) -> Iterator[Delivery]:
    """`stream` until so much time has passed since the first of it was asked for."""
    end_s = clock() + duration_s
    while clock() < end_s:
        yield next(stream)


def big(seed: int, changes: int = MAX_CHANGES, characters: int = MAX_CHARACTERS) -> Delivery:
    """One delivery as large as Meta can make it: about 26 MB by default, all of it emoji."""
    world = World(seed)
    account = world.accounts[0]
    text = WIDEST_CHARACTER * characters
    updates = (
        Notification("comments", comments.organic(world, account) | {"text": text})
        for _ in range(changes)
    )
    return shapes.batch(world, "big", account, updates)


def _update(world: World, account: Account, field: str) -> Notification:
    if field == "mentions":
        return Notification(field, mentions.in_comment(world))
    if field == "story_insights":
        return Notification(field, stories.usual(world))
    return Notification(field, comments.organic(world, account))
