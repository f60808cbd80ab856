"""Every kind of delivery by name. Owns the catalogue: what there is, and how often it comes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal, TypeAlias

from simulator import (
    comments,
    dashboard,
    duplicates,
    hostile,
    mentions,
    messaging,
    shapes,
    stories,
)
from simulator.delivery import Delivery
from simulator.signing import Signing
from simulator.truth import Field
from simulator.wire import Value
from simulator.world import Account, World

Group: TypeAlias = Literal[
    "comments",
    "live_comments",
    "mentions",
    "story_insights",
    "messaging",
    "shapes",
    "duplicates",
    "dashboard",
    "hostile",
    "refused",
]


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of delivery.

    Attributes:
        name: what `--case` calls it; samples of it are files of this name.
        group: its place in the catalogue.
        fields: the fields whose changes it can carry.
        weight: how often mixed traffic holds it, relative to the others.
        summary: what it is, in a sentence.
        build: its deliveries, in sending order; the ones after the first may be sent later.
        rare: no receiver can make anything of it. Mixed traffic of other cases holds one rare
            delivery in a thousand, whatever its weight: many more, and a careful receiver stops.
    """

    name: str
    group: Group
    fields: tuple[Field, ...]
    weight: float
    summary: str
    build: Callable[[World], list[Delivery]]
    rare: bool = False


class UnknownCaseError(ValueError):
    """A case, field or group was asked for that there is not."""


def select(
    names: Iterable[str] = (), fields: Iterable[str] = (), groups: Iterable[str] = ()
) -> list[Case]:
    """The cases of these names, which carry none but these fields, and are of these groups.

    What is not given does not narrow.

    Raises:
        UnknownCaseError: there is no such name, field or group, or none of both.
    """
    wanted = [set(names), set(fields), set(groups)]
    known: list[set[str]] = [
        {case.name for case in CASES},
        {field for case in CASES for field in case.fields},
        {case.group for case in CASES},
    ]
    for asked, there in zip(wanted, known, strict=True):
        if unknown := sorted(asked - there):
            raise UnknownCaseError(f"not known: {', '.join(unknown)}")
    chosen = [
        case
        for case in CASES
        if (not wanted[0] or case.name in wanted[0])
        and (not wanted[1] or wanted[1].issuperset(case.fields))
        and (not wanted[2] or case.group in wanted[2])
    ]
    if not chosen:
        raise UnknownCaseError("no case is all of what was asked for")
    return chosen


def _summary(function: Callable[..., object]) -> str:
    return (function.__doc__ or "").strip().splitlines()[0]


def _value_case(
    name: str, field: Field, weight: float, value: Callable[[World, Account], Value]
) -> Case:
    def build(world: World) -> list[Delivery]:
        account = world.account()
        return [shapes.change(world, name, field, value(world, account), account)]

    group: Group = "comments" if field == "other" else field
    return Case(name, group, (field,), weight, _summary(value), build)


def _world_case(name: str, field: Field, weight: float, value: Callable[[World], Value]) -> Case:
    def with_account(world: World, account: Account) -> Value:  # noqa: ARG001 - one signature
        return value(world)

    with_account.__doc__ = value.__doc__
    return _value_case(name, field, weight, with_account)


def _item_case(name: str, weight: float, item: Callable[[World, Account], Value]) -> Case:
    def build(world: World) -> list[Delivery]:
        account = world.account()
        return [shapes.items(world, name, account, item(world, account))]

    return Case(name, "messaging", ("other",), weight, _summary(item), build)


def _single(
    group: Group, weight: float, fields: tuple[Field, ...], make: Callable[[World], Delivery]
) -> Case:
    return Case(make.__name__, group, fields, weight, _summary(make), lambda world: [make(world)])


def _repeated(
    weight: float, fields: tuple[Field, ...], make: Callable[[World], list[Delivery]]
) -> Case:
    return Case(make.__name__, "duplicates", fields, weight, _summary(make), make)


def _dashboard_case(field: str) -> Case:
    fields: tuple[Field, ...] = ("other",)
    for typed in ("comments", "live_comments", "mentions", "story_insights"):
        if field == typed:
            fields = (typed,)
    return Case(
        f"dashboard_{field}",
        "dashboard",
        fields,
        0.1,
        f"The dashboard's test button for {field}.",
        lambda world: [shapes.dashboard_test(world, field)],
    )


def _unreadable_case(name: str) -> Case:
    summary = f"No delivery, though signed: {name.replace('_', ' ')}."
    # Half a megabyte of brackets is sent only when it is asked for.
    weight = 0.0 if name == "too_deep" else 0.05
    return Case(
        name,
        "hostile",
        ("other",),
        weight,
        summary,
        lambda world: [hostile.unreadable(world, name)],
        rare=True,
    )


def _refused_case(signing: Signing) -> Case:
    def build(world: World) -> list[Delivery]:
        account = world.account()
        value = comments.organic(world, account)
        made = shapes.change(world, f"signature_{signing}", "comments", value, account)
        return [replace(made, signing=signing, status=401)]

    summary = f"A signature that must be refused: {signing.replace('_', ' ')}."
    return Case(f"signature_{signing}", "refused", ("comments",), 0.1, summary, build)


def _encoded(world: World) -> list[Delivery]:
    account = world.account()
    value = comments.organic(world, account)
    made = shapes.change(world, "content_encoding", "comments", value, account)
    return [replace(made, content_encoding="gzip", status=415)]


_ALL_TYPED: Final[tuple[Field, ...]] = ("comments", "live_comments", "mentions", "story_insights")
_COMMENTS: Final[tuple[Field, ...]] = ("comments",)
_OTHER: Final[tuple[Field, ...]] = ("other",)


def _on_ad(world: World, account: Account) -> Value:
    """A comment on an ad: its own media id, the post's beside it, no title."""
    return comments.on_ad(world, world.ad(account))


def _on_titled_ad(world: World, account: Account) -> Value:
    """A comment on an ad, with the title that is documented."""
    return comments.on_ad(world, world.ad(account), with_title=True)


def _on_dynamic_ad(world: World, account: Account) -> Value:
    """A comment on a dynamic ad: neither `ad_id` nor the post."""
    return comments.on_dynamic_ad(world, world.ad(account))


def _organic(product_type: str) -> Callable[[World, Account], Value]:
    made = partial(comments.organic, product_type=product_type)
    made.__doc__ = f"Somebody's comment, product type {product_type}."
    return made


CASES: Final[tuple[Case, ...]] = (
    _value_case("organic", "comments", 20, comments.organic),
    _value_case("organic_reels", "comments", 10, _organic("REELS")),
    _value_case("organic_story", "comments", 0.5, _organic("STORY")),
    _value_case("reply", "comments", 6, comments.reply),
    _value_case("top_level", "comments", 1, comments.top_level),
    _value_case("own", "comments", 4, comments.own),
    _value_case("own_old", "comments", 1, comments.own_old),
    _value_case("anonymous", "comments", 1, comments.anonymous),
    _value_case("null_author", "comments", 0.5, comments.null_author),
    _value_case("old", "comments", 0.5, comments.old),
    _value_case("by_comment_id", "comments", 1, comments.by_comment_id),
    _value_case("without_text", "comments", 1, comments.without_text),
    _value_case("extended", "comments", 1, comments.extended),
    _value_case("on_ad", "comments", 5, _on_ad),
    _value_case("on_titled_ad", "comments", 2, _on_titled_ad),
    _value_case("on_dynamic_ad", "comments", 1, _on_dynamic_ad),
    _value_case("live", "live_comments", 8, comments.live),
    _world_case("in_comment", "mentions", 6, mentions.in_comment),
    _world_case("in_caption", "mentions", 4, mentions.in_caption),
    _world_case("usual", "story_insights", 4, stories.usual),
    _world_case("suppressed", "story_insights", 4, stories.suppressed),
    _world_case("all_suppressed", "story_insights", 1, stories.all_suppressed),
    _world_case("newer", "story_insights", 1, stories.newer),
    _item_case("message_text", 2, messaging.text),
    _item_case("message_story_mention", 1, messaging.story_mention),
    _item_case("message_echo", 0.5, messaging.echo),
    _item_case("message_edited", 0.5, messaging.edited),
    _item_case("message_reaction", 0.5, messaging.reaction),
    _item_case("message_postback", 0.5, messaging.postback),
    _item_case("message_seen", 0.5, messaging.seen),
    _item_case("message_referral", 0.5, messaging.referral),
    _item_case("message_handover", 0.2, messaging.handover),
    _item_case("message_unknown", 0.2, messaging.unknown),
    _single("messaging", 0.5, _OTHER, shapes.standby),
    _single("messaging", 0.5, _OTHER, shapes.messaging_in_changes),
    _single("shapes", 1, ("story_insights",), shapes.list_wrapped),
    _single("shapes", 1, _COMMENTS, shapes.flat),
    _single("shapes", 2, (*_ALL_TYPED, "other"), shapes.several_fields),
    _single("shapes", 2, _COMMENTS, shapes.several_accounts),
    _single("shapes", 1, ("comments", "other"), shapes.several_lists),
    _single("shapes", 0.3, _OTHER, shapes.changed_fields),
    _single("shapes", 1, _COMMENTS, shapes.text_time),
    _single("shapes", 1, _OTHER, shapes.unknown_field),
    _single("shapes", 0.5, _OTHER, shapes.foreign_object),
    _repeated(3, _COMMENTS, duplicates.organic_then_ad),
    _repeated(3, _COMMENTS, duplicates.ad_then_organic),
    _repeated(1, _COMMENTS, duplicates.boosted_at_once),
    _repeated(3, _COMMENTS, duplicates.resend),
    _repeated(1, ("comments", "mentions", "story_insights"), duplicates.resend_batch),
    _repeated(2, _COMMENTS, duplicates.retimed),
    _repeated(1, _COMMENTS, duplicates.rebatched),
    _repeated(0.5, ("mentions",), duplicates.repeated_within),
    _repeated(1, ("story_insights",), duplicates.story_revised),
    _repeated(0.5, _OTHER, duplicates.message_unsent),
    *map(_dashboard_case, dashboard.VALUES),
    *map(_unreadable_case, hostile.UNREADABLE),
    _single("hostile", 0.1, _ALL_TYPED, hostile.odd_values),
    _single("hostile", 0.1, ("comments", "story_insights"), hostile.odd_members),
    _single("hostile", 0.1, ("comments", "other"), hostile.odd_entries),
    _single("hostile", 0.1, _COMMENTS, hostile.numeric_ids),
    _single("hostile", 0.1, ("comments", "other"), hostile.surrogates),
    _single("hostile", 0.1, ("comments", "other"), hostile.nul),
    _single("hostile", 0.1, _COMMENTS, hostile.deep_value),
    _single("hostile", 0.1, _COMMENTS, hostile.duplicate_keys),
    _single("hostile", 0.1, ("comments", "other"), hostile.long_names),
    _single("hostile", 0.1, _OTHER, hostile.no_entries),
    _single("hostile", 0.1, _COMMENTS, hostile.with_bom),
    _single("hostile", 0.1, _COMMENTS, hostile.raw_utf8),
    *(_refused_case(signing) for signing in Signing if signing is not Signing.VALID),
    Case(
        "content_encoding",
        "refused",
        _COMMENTS,
        0.1,
        "A content encoding that a receiver of signed bytes must refuse.",
        _encoded,
    ),
)
"""The catalogue. Weights are rough shares of 150, so that common things are common."""

BY_NAME: Final = {case.name: case for case in CASES}
