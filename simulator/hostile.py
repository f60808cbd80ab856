r"""Signed bodies that no well-behaved platform sends. Owns what a reader must survive.

They are signed like the rest: a receiver that has the bytes and the proof must keep them, whatever
they are. What JSON cannot hold after decoding (lone surrogates, NUL) is still JSON.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from simulator import comments, stories
from simulator.delivery import Delivery, deliver
from simulator.truth import SentChange, keyless, sent_change
from simulator.wire import Entry, Notification, Value, encode, envelope
from simulator.world import World

PAST_ANY_PARSER_DEPTH: Final = 500_000
"""Arrays within arrays that neither recursion limits nor stacks allow."""

READABLE_DEPTH: Final = 300

BEYOND_64_BITS: Final = 10**30 + 7


def unreadable(world: World, name: str) -> Delivery:
    """A body that no parser reads as a delivery: archived, and a dead letter."""
    body = _UNREADABLE[name](_plain(world))
    return Delivery(name, body, readable=False)


def _plain(world: World) -> bytes:
    """A well-formed body to be spoilt. No two are alike."""
    account = world.account()
    change = Notification("comments", {**comments.organic(world, account), "text": "spoilt"})
    return encode(envelope([Entry(account.id, world.now_s(), [change])]))


_UNREADABLE: Final[dict[str, Callable[[bytes], bytes]]] = {
    "not_json": lambda body: b"entry=" + body,
    "truncated": lambda body: body[: len(body) * 2 // 3],
    "trailing": lambda body: body + body,
    "nan": lambda body: body.replace(b'"spoilt"', b"NaN"),
    "infinity": lambda body: body.replace(b'"spoilt"', b"-Infinity"),
    "not_utf8": lambda body: body.replace(b"spoilt", b"sp\xf6ilt\xff"),
    "raw_control": lambda body: body.replace(b"spoilt", b"spo\x00\x0ailt"),
    "empty": lambda _: b"",
    "no_entry_list": lambda body: body.replace(b'"entry"', b'"entries"'),
    "entry_is_object": lambda body: body.replace(b'"entry": [', b'"entry": ', 1).replace(
        b'], "object": "instagram"', b', "object": "instagram"'
    ),
    "scalar": lambda body: b"%d" % len(body),
    "string": lambda body: encode(body.decode()),
    "empty_list": lambda _: b"[]",
    "too_deep": lambda _: b"[" * PAST_ANY_PARSER_DEPTH + b"]" * PAST_ANY_PARSER_DEPTH,
}

UNREADABLE: Final = tuple(_UNREADABLE)


def odd_values(world: World) -> Delivery:
    """Typed fields whose values have every type but the right one, beside a good neighbour."""
    account = world.account()
    values: list[Any] = [None, True, 7, 1.5, "text", [], ["id"], {}, {"id": None}, {"id": ["1"]}]
    changes = [
        Notification(field, value)
        for field in ("comments", "live_comments", "mentions", "story_insights")
        for value in values
    ]
    changes.append(Notification("comments", comments.organic(world, account)))
    return deliver("odd_values", [Entry(account.id, world.now_s(), changes)])


def odd_members(world: World) -> Delivery:
    """Comments with a key, whose other members are of wrong types: they must still be stored."""
    account = world.account()
    spoilt: list[Value] = [
        {"from": "someone"},
        {"from": {"id": 12, "username": ["a"]}},
        {"media": []},
        {"media": {"id": {"deep": 1}, "media_product_type": 3}},
        {"text": {"body": "x"}},
        {"text": 5},
        {"parent_id": True},
        {"from": [], "media": "m", "text": None, "parent_id": 1.25},
    ]
    changes = [
        Notification("comments", comments.organic(world, account) | members) for members in spoilt
    ]
    story = stories.usual(world) | {"reach": "17", "exits": None, "replies": 1.5, "taps_back": True}
    changes.append(Notification("story_insights", story))
    return deliver("odd_members", [Entry(account.id, world.now_s(), changes)])


def odd_entries(world: World) -> Delivery:
    """Entries and lists of wrong types, beside a good neighbour."""
    account = world.account()
    good = Entry(
        account.id, world.now_s(), [Notification("comments", comments.organic(world, account))]
    )
    no_list = {"id": account.id, "time": world.now_s()}
    value = comments.organic(world, account)
    document = envelope([good])
    document["entry"] += [
        None,
        [1, 2],
        no_list,
        {"id": account.id, "time": "soon", "changes": {"field": "comments"}},
        {"id": account.id, "time": -5, "changes": [None, {"field": "comments"}, {"value": value}]},
        {"id": None, "time": 10**17, "changes": [{"field": "comments", "value": value}]},
    ]
    odd = (
        keyless(None, None),
        keyless(None, [1, 2]),
        keyless(account.id, no_list),
        keyless(account.id, {"field": "comments"}),
        keyless(account.id, None),
        keyless(account.id, {"field": "comments"}),
        keyless(account.id, value),
        keyless(None, value, "comments"),
    )
    good_changes = (sent_change(account.id, "comments", good.changes[0].value),)
    return Delivery("odd_entries", encode(document), good_changes + odd)


def numeric_ids(world: World) -> Delivery:
    """Ids as numbers, some beyond 2^53 and beyond 64 bits: they become decimal text, exact."""
    account = world.account()
    value = comments.organic(world, account)
    value["id"] = int(value["id"])
    value["from"]["id"] = int(value["from"]["id"])
    huge = comments.organic(world, account) | {"id": BEYOND_64_BITS + int(world.comment_id())}
    changes = [Notification("comments", value), Notification("comments", huge)]
    return deliver("numeric_ids", [Entry(account.id, world.now_s(), changes)])


def surrogates(world: World) -> Delivery:
    """Half an emoji: valid JSON, no valid text."""
    return _spelled(world, "surrogates", "half \ud83d of \ude00 it")


def nul(world: World) -> Delivery:
    """NUL in a text: valid JSON, which PostgreSQL's text cannot hold."""
    return _spelled(world, "nul", "before\0after")


def deep_value(world: World) -> Delivery:
    """A value nested deeply, within what a parser reads."""
    account = world.account()
    nested: Any = "bottom"
    for _ in range(READABLE_DEPTH):
        nested = [nested]
    value = comments.organic(world, account) | {"nested": nested}
    return deliver("deep_value", [Entry(account.id, 0, [Notification("comments", value)])])


def duplicate_keys(world: World) -> Delivery:
    """A key told twice: the last one counts."""
    account = world.account()
    value = comments.organic(world, account)
    entry = Entry(account.id, world.now_s(), [Notification("comments", value)])
    body = encode(envelope([entry])).replace(b'"text": ', b'"text": "an earlier one", "text": ', 1)
    return Delivery("duplicate_keys", body, (sent_change(account.id, "comments", value),))


def long_names(world: World) -> Delivery:
    """Keys, field names and texts far longer than any column expects."""
    account = world.account()
    value = comments.organic(world, account) | {"k" * 3000: 1, "text": "long " * 20_000}
    changes = [Notification("comments", value), Notification("f" * 3000, {"a": 1})]
    return deliver("long_names", [Entry(account.id, world.now_s(), changes)])


def no_entries(world: World) -> Delivery:
    """A delivery that tells nothing. Its accounts' names keep the bodies apart."""
    document = envelope([]) | {"about": world.new_id("999")}
    return Delivery("no_entries", encode(document))


def with_bom(world: World) -> Delivery:
    """A byte order mark in front, as some proxies leave it."""
    account = world.account()
    value = comments.organic(world, account)
    entry = Entry(account.id, world.now_s(), [Notification("comments", value)])
    body = b"\xef\xbb\xbf" + encode(envelope([entry]))
    return Delivery("with_bom", body, (sent_change(account.id, "comments", value),))


def raw_utf8(world: World) -> Delivery:
    """Text in UTF-8 and without spaces: not Meta's layout, yet JSON, and signed."""
    account = world.account()
    value = comments.organic(world, account)
    entry = Entry(account.id, world.now_s(), [Notification("comments", value)])
    text = json.dumps(envelope([entry]), ensure_ascii=False, separators=(",", ":"))
    change: SentChange = sent_change(account.id, "comments", value)
    return Delivery("raw_utf8", text.encode(), (change,))


def _spelled(world: World, name: str, text: str) -> Delivery:
    account = world.account()
    value = comments.organic(world, account) | {"text": text}
    value["from"]["username"] = text
    changes = [Notification("comments", value), Notification("un\0known\ud800", {text: [text]})]
    return deliver(name, [Entry(account.id, world.now_s(), changes)])
