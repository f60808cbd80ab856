"""The forms that a well-formed delivery can take: one update or many, nested this way or that.

Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

from collections.abc import Iterable

from simulator import comments, dashboard, mentions, messaging, stories
from simulator.delivery import Delivery, deliver
from simulator.wire import Entry, Notification, Value
from simulator.world import Account, World


def change(world: World, case: str, field: str, value: Value, account: Account) -> Delivery:
    """A delivery of one update: what Meta sends nearly always."""
    return deliver(case, [Entry(account.id, world.now_s(), [Notification(field, value)])])


def items(world: World, case: str, account: Account, *values: Value) -> Delivery:
    """A delivery of messaging items; its time counts milliseconds."""
    return deliver(case, [Entry(account.id, world.now_ms(), messaging=values)])


def standby(world: World) -> Delivery:
    """A message while another app owns the thread."""
    account = world.account()
    item = messaging.text(world, account)
    return deliver("standby", [Entry(account.id, world.now_ms(), standby=[item])])


def messaging_in_changes(world: World) -> Delivery:
    """A real account's message in `changes`, as dashboards send theirs: keyed like any message."""
    account = world.account()
    return change(
        world, "messaging_in_changes", "messages", messaging.text(world, account), account
    )


def list_wrapped(world: World) -> Delivery:
    """The whole body in a list, as the platform's samples print it."""
    account = world.account()
    value = stories.usual(world)
    entry = Entry(account.id, world.now_s(), [Notification("story_insights", value)])
    return deliver("list_wrapped", [entry], wrapped=True)


def flat(world: World) -> Delivery:
    """`field` and `value` in the entry itself.

    Source: https://developers.facebook.com/docs/instagram-platform/webhooks/examples/
    """
    account = world.account()
    update = Notification("comments", comments.organic(world, account))
    return deliver("flat", [Entry(account.id, world.now_s(), flat=update)])


def several_fields(world: World) -> Delivery:
    """Updates of all four typed fields and one unknown, in one entry."""
    account = world.account()
    updates = [
        Notification("comments", comments.organic(world, account)),
        Notification("mentions", mentions.in_comment(world)),
        Notification("live_comments", comments.live(world, account)),
        Notification("story_insights", stories.suppressed(world)),
        Notification("comments", comments.reply(world, account)),
        Notification("follow", {"user_id": world.user().id}),
    ]
    return deliver("several_fields", [Entry(account.id, world.now_s(), updates)])


def several_accounts(world: World) -> Delivery:
    """Entries of every account, some of them twice."""
    entries = [
        Entry(account.id, world.now_s(), [Notification("comments", value)])
        for account in (*world.accounts[:5], world.account())
        for value in [comments.organic(world, account)]
    ]
    return deliver("several_accounts", entries)


def several_lists(world: World) -> Delivery:
    """`changes`, `messaging` and `standby` in one entry."""
    account = world.account()
    entry = Entry(
        account.id,
        world.now_ms(),
        changes=[Notification("comments", comments.organic(world, account))],
        messaging=[messaging.text(world, account), messaging.reaction(world, account)],
        standby=[messaging.text(world, account)],
    )
    return deliver("several_lists", [entry])


def changed_fields(world: World) -> Delivery:
    """Names without values: the app's subscription has "Include Values" switched off."""
    entry = Entry(world.account().id, world.now_s(), changed_fields=["comments", "mentions"])
    return deliver("changed_fields", [entry])


def text_time(world: World) -> Delivery:
    """A time as text."""
    account = world.account()
    update = Notification("comments", comments.organic(world, account))
    return deliver("text_time", [Entry(account.id, str(world.now_s()), [update])])


def unknown_field(world: World) -> Delivery:
    """A field that no page of the platform lists."""
    account = world.account()
    value = {"poll_id": world.new_id("183"), "question": "Thé ou café ?", "share": 0.5}
    return change(world, "unknown_field", "story_poll_response", value, account)


def foreign_object(world: World) -> Delivery:
    """A Page's update at the same address: the app subscribes to a Page field to get any at all."""
    page_id = world.new_id("175")
    value = {"item": "status", "verb": "add", "post_id": f"{page_id}_{world.new_id('101')}"}
    entry = Entry(page_id, world.now_s(), [Notification("feed", value)])
    return deliver("foreign_object", [entry], "page")


def dashboard_test(world: World, field: str) -> Delivery:
    """A press of the dashboard's test button for `field`. The time may be text."""
    time = str(world.now_s()) if world.chance(0.3) else world.now_s()
    update = Notification(field, dashboard.VALUES[field])
    return deliver(f"dashboard_{field}", [Entry(dashboard.ACCOUNT_ID, time, [update])])


def batch(world: World, case: str, account: Account, updates: Iterable[Notification]) -> Delivery:
    """Many updates for one account in one delivery."""
    return deliver(case, [Entry(account.id, world.now_s(), list(updates))])
