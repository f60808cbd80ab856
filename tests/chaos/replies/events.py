"""What Meta tells of in the proof of replies: mentions, and comments on own media. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from simulator import comments, mentions, shapes
from simulator.delivery import Delivery
from simulator.truth import Field
from simulator.wire import Notification, Value
from simulator.world import Account, World
from tests.chaos.replies.verdict import Event

ACCOUNTS: Final = 12
"""As many as the simulated Graph API has."""

LONGEST: Final = 5
"""Updates of one delivery."""

CAPTIONS_SHARE: Final = 0.3
AGAIN_SHARE: Final = 0.2
"""So many deliveries come a second time, some of them much later."""


REPLIES_SHARE: Final = 0.4
"""So many comments are replies: answers to them, which are alike, stand below one comment."""

BEFORE_S: Final = 3600
"""Simulated time runs faster than ours, and nobody writes in the future."""


def deliveries(seed: int, mentions_: int, comments_: int, now_s: float) -> list[Delivery]:
    """Deliveries with so many different mentions and comments, in the order of sending."""
    world = World(seed, accounts=ACCOUNTS, start_s=int(now_s) - BEFORE_S)
    fields: list[Field] = [
        "mentions" if number < mentions_ else "comments" for number in range(mentions_ + comments_)
    ]
    world.random.shuffle(fields)
    made = list(_batches(world, fields))
    again = [one for one in made if world.chance(AGAIN_SHARE)]
    for one in again:
        made.insert(world.random.randrange(len(made) + 1), one)
    return made


def _batches(world: World, fields: Sequence[Field]) -> Iterator[Delivery]:
    threads: dict[str, Value] = {}
    at = 0
    while at < len(fields):
        account = world.account()
        taken = fields[at : at + 1 + world.random.randrange(LONGEST)]
        at += len(taken)
        updates = [Notification(field, _value(world, account, field, threads)) for field in taken]
        yield shapes.batch(world, "replies", account, updates)


def _value(world: World, account: Account, field: Field, threads: dict[str, Value]) -> Value:
    if field == "comments":
        return _comment(world, account, threads)
    caption = world.chance(CAPTIONS_SHARE)
    return mentions.in_caption(world) if caption else mentions.in_comment(world)


def _comment(world: World, account: Account, threads: dict[str, Value]) -> Value:
    """A comment, or a reply to the account's last one: answers to both stand below that."""
    value = comments.organic(world, account)
    top = threads.get(account.id)
    if top is not None and world.chance(REPLIES_SHARE):
        return {**value, "parent_id": top["id"], "media": top["media"]}
    threads[account.id] = value
    return value


def event_of(event_id: str, rule: str | None) -> Event:
    """An event by its id: `mentions:<account>:<media>:<comment or ->` or
    `comments:<account>:<comment>`.
    """
    _, account_id, *ids = event_id.split(":")
    target = ids[0] if ids[-1] == "-" else ids[-1]
    return Event(event_id, account_id, target, rule)


def kind_of(event_id: str) -> str:
    """What rules call it."""
    if event_id.startswith("comments:"):
        return "comment"
    return "caption_mention" if event_id.endswith(":-") else "comment_mention"
