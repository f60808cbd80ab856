"""Items of `messaging` and `standby`: who, to whom, when in milliseconds, and one payload.

Source: https://developers.facebook.com/docs/instagram-platform/webhooks/examples/
"""

from base64 import urlsafe_b64encode

from simulator.texts import MESSAGES
from simulator.wire import Value
from simulator.world import Account, World


def text(world: World, account: Account) -> Value:
    """A direct message."""
    return _item(world, account, "message", {"mid": mid(world), "text": world.pick(MESSAGES)})


def story_mention(world: World, account: Account) -> Value:
    """Somebody named the account in a story: it comes as a message, never as a mention."""
    attachment = {
        "type": "story_mention",
        "payload": {"url": f"https://lookaside.example/story/{world.new_id('182')}"},
    }
    return _item(world, account, "message", {"mid": mid(world), "attachments": [attachment]})


def echo(world: World, account: Account) -> Value:
    """A message of the account's own: the sender is the account."""
    item = text(world, account)
    item["sender"], item["recipient"] = item["recipient"], item["sender"]
    item["message"]["is_echo"] = True
    return item


def unsent(world: World, account: Account) -> tuple[Value, Value]:
    """A message, and its deletion under the same `mid`."""
    item = text(world, account)
    deletion = {"mid": item["message"]["mid"], "is_deleted": True}
    return item, item | {"timestamp": world.now_ms(), "message": deletion}


def edited(world: World, account: Account) -> Value:
    """A message was edited."""
    return _item(
        world,
        account,
        "message_edit",
        {"mid": mid(world), "text": world.pick(MESSAGES), "num_edit": 1},
    )


def reaction(world: World, account: Account) -> Value:
    """Somebody reacted to a message."""
    payload = {"mid": mid(world), "action": "react", "reaction": "love", "emoji": "❤️"}
    return _item(world, account, "reaction", payload)


def postback(world: World, account: Account) -> Value:
    """Somebody pressed a button."""
    payload = {"mid": mid(world), "title": "Où est ma commande ?", "payload": "ORDER_STATUS"}
    return _item(world, account, "postback", payload)


def seen(world: World, account: Account) -> Value:
    """Somebody read a message."""
    return _item(world, account, "read", {"mid": mid(world)})


def referral(world: World, account: Account) -> Value:
    """Somebody came by a link. There is no `mid`."""
    payload = {"ref": "summer", "source": "SHORTLINK", "type": "OPEN_THREAD"}
    return _item(world, account, "referral", payload)


def handover(world: World, account: Account) -> Value:
    """The thread went to another app."""
    app_id = world.new_id("263")
    payload = {"previous_owner_app_id": app_id, "new_owner_app_id": app_id[::-1], "metadata": ""}
    return _item(world, account, "pass_thread_control", payload)


def unknown(world: World, account: Account) -> Value:
    """A payload that no page of the platform lists."""
    return _item(world, account, "hologram", {"mid": mid(world), "depth_cm": 12.5})


def mid(world: World) -> str:
    """A message id: long opaque text."""
    return urlsafe_b64encode(f"ig_dm:{world.new_id('330')}".encode()).decode().rstrip("=")


def _item(world: World, account: Account, key: str, payload: Value) -> Value:
    return {
        "sender": {"id": world.user().id},
        "recipient": {"id": account.id},
        "timestamp": world.now_ms(),
        key: payload,
    }
