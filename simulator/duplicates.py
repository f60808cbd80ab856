"""The same thing told more than once: what at-least-once delivery and boosted posts bring.

Every function gives deliveries in the order in which they are to be sent.
"""

from simulator import comments, mentions, messaging, shapes, stories
from simulator.delivery import Delivery, deliver
from simulator.wire import Entry, Notification
from simulator.world import World


def organic_then_ad(world: World) -> list[Delivery]:
    """A comment on a boosted post: told for the post, then for the ad.

    Source: https://developers.facebook.com/docs/instagram-api/guides/webhooks/ (duplicates)
    """
    account = world.account()
    on_post, on_copy = comments.boosted_pair(world, account)
    return [
        shapes.change(world, "organic_then_ad", "comments", value, account)
        for value in (on_post, on_copy)
    ]


def ad_then_organic(world: World) -> list[Delivery]:
    """The same two in the other order: the ad's attributes must survive."""
    account = world.account()
    on_post, on_copy = comments.boosted_pair(world, account)
    return [
        shapes.change(world, "ad_then_organic", "comments", value, account)
        for value in (on_copy, on_post)
    ]


def boosted_at_once(world: World) -> list[Delivery]:
    """Both tellings in one delivery."""
    account = world.account()
    updates = [Notification("comments", value) for value in comments.boosted_pair(world, account)]
    return [deliver("boosted_at_once", [Entry(account.id, world.now_s(), updates)])]


def resend(world: World) -> list[Delivery]:
    """The same bytes again, up to three times: an answer was lost."""
    account = world.account()
    delivery = shapes.change(world, "resend", "comments", comments.organic(world, account), account)
    return [delivery] * (2 + world.random.randrange(3))


def resend_batch(world: World) -> list[Delivery]:
    """A delivery of several fields, the same bytes again."""
    account = world.account()
    updates = [
        Notification("comments", comments.organic(world, account)),
        Notification("mentions", mentions.in_caption(world)),
        Notification("story_insights", stories.suppressed(world)),
    ]
    return [deliver("resend_batch", [Entry(account.id, world.now_s(), updates)])] * 2


def retimed(world: World) -> list[Delivery]:
    """The same content with a new `entry.time`: whether Meta's retries do so is not known."""
    account = world.account()
    value = comments.organic(world, account)
    first = shapes.change(world, "retimed", "comments", value, account)
    world.let_pass(60)
    return [first, shapes.change(world, "retimed", "comments", value, account)]


def rebatched(world: World) -> list[Delivery]:
    """Updates sent one by one, then all in one delivery."""
    account = world.account()
    values = [comments.organic(world, account) for _ in range(3)]
    singles = [shapes.change(world, "rebatched", "comments", value, account) for value in values]
    updates = [Notification("comments", value) for value in values]
    return [*singles, deliver("rebatched", [Entry(account.id, world.now_s(), updates)])]


def repeated_within(world: World) -> list[Delivery]:
    """One update twice in one delivery."""
    account = world.account()
    update = Notification("mentions", mentions.in_comment(world))
    return [deliver("repeated_within", [Entry(account.id, world.now_s(), [update, update])])]


def story_revised(world: World) -> list[Delivery]:
    """A story's metrics, then greater ones."""
    account = world.account()
    first = stories.suppressed(world)
    return [
        shapes.change(world, "story_revised", "story_insights", value, account)
        for value in (first, stories.revised(world, first))
    ]


def message_unsent(world: World) -> list[Delivery]:
    """A message, then its deletion: two events of one `mid`, told apart by their time."""
    account = world.account()
    return [
        shapes.items(world, "message_unsent", account, item)
        for item in messaging.unsent(world, account)
    ]
