"""What Meta tells the app of by itself: bodies to be signed and sent. Pure."""

from dataclasses import dataclass, field

from simulator.graph.directory import Account
from simulator.graph.register import ToldComment
from simulator.wire import Entry, Notification, Value, encode, envelope


@dataclass(frozen=True, slots=True)
class OwnDelivery:
    """A delivery that follows from a write: the account that it is for, and its bytes."""

    account_id: str
    body: bytes = field(repr=False)


def own_reply(account: Account, comment_id: str, reply: ToldComment, at_s: int) -> OwnDelivery:
    """An account's own reply comes back as a comment on its media.

    Source: https://developers.facebook.com/docs/instagram-platform/self-messaging
    """
    value: Value = {
        "from": {
            "id": account.id,
            "username": account.username,
            "self_ig_scoped_id": account.self_ig_scoped_id,
        },
        "media": {"id": reply.media_id, "media_product_type": reply.product_type or "FEED"},
        "id": comment_id,
        "parent_id": reply.parent_id,
        "text": reply.text,
    }
    entry = Entry(account.id, at_s, [Notification("comments", value)])
    return OwnDelivery(account.id, encode(envelope([entry])))
