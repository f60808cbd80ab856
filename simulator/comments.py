"""Values of `comments` and `live_comments`.

Source: https://developers.facebook.com/docs/graph-api/webhooks/reference/instagram
"""

from simulator.texts import COMMENTS, REPLIES
from simulator.wire import Value
from simulator.world import Account, Ad, World


def organic(world: World, account: Account, product_type: str = "FEED") -> Value:
    """Somebody's comment on a post of the account, as captured: author, media, id, text."""
    user = world.user()
    return {
        "from": {"id": user.id, "username": user.username},
        "media": {"id": world.media_id(account), "media_product_type": product_type},
        "id": world.comment_id(),
        "text": world.pick(COMMENTS),
    }


def reply(world: World, account: Account) -> Value:
    """An answer to another comment."""
    return {**organic(world, account), "parent_id": world.comment_id()}


def top_level(world: World, account: Account) -> Value:
    """A comment that says in so many words that it answers no other."""
    return {**organic(world, account), "parent_id": None}


def own(world: World, account: Account) -> Value:
    """A comment of the account itself: our own answers come back in this form.

    Source: https://developers.facebook.com/docs/instagram-platform/self-messaging
    """
    value = organic(world, account)
    value["from"] = {
        "id": account.id,
        "username": account.username,
        "self_ig_scoped_id": account.self_ig_scoped_id,
    }
    value["text"] = world.pick(REPLIES)
    return value


def own_old(world: World, account: Account) -> Value:
    """The same from before November 2025: only the ids tell that it is our own."""
    value = own(world, account)
    del value["from"]["self_ig_scoped_id"]
    return value


def anonymous(world: World, account: Account) -> Value:
    """A comment whose author is not told."""
    value = organic(world, account)
    del value["from"]
    return value


def null_author(world: World, account: Account) -> Value:
    """A comment whose author is told to be nobody."""
    return {**organic(world, account), "from": None}


def old(world: World, account: Account) -> Value:
    """A value from before October 2021: id and text are all."""
    value = organic(world, account)
    return {"id": value["id"], "text": value["text"]}


def by_comment_id(world: World, account: Account) -> Value:
    """The platform's own example: the id is called `comment_id`.

    Source: https://developers.facebook.com/docs/instagram-platform/webhooks/examples/
    """
    value = organic(world, account)
    value["comment_id"] = value.pop("id")
    return value


def without_text(world: World, account: Account) -> Value:
    """A comment that is a sticker or a GIF."""
    value = organic(world, account)
    del value["text"]
    return value


def extended(world: World, account: Account) -> Value:
    """A value with members that Meta has not announced."""
    value = organic(world, account)
    value["media"]["music"] = {"title": "Ода к радости", "bpm": 88.5}
    return {**value, "sentiment": 0.25, "labels": ["question", "prix élevé"]}


def on_ad(world: World, ad: Ad, *, with_title: bool = False) -> Value:
    """A comment on an ad, as captured: the ad copy's media id, no title."""
    user = world.user()
    value: Value = {
        "id": world.comment_id(),
        "from": {"id": user.id, "username": user.username},
        "text": world.pick(COMMENTS),
        "media": {
            "id": ad.media_id,
            "ad_id": ad.ad_id,
            "original_media_id": ad.original_media_id,
            "media_product_type": "AD",
        },
    }
    if with_title:
        value["media"]["ad_title"] = ad.title
    return value


def on_dynamic_ad(world: World, ad: Ad) -> Value:
    """A comment on a dynamic ad: no `ad_id`.

    Source: https://developers.facebook.com/docs/instagram-platform/webhooks
    """
    value = on_ad(world, ad)
    del value["media"]["ad_id"]
    del value["media"]["original_media_id"]
    return value


def boosted_pair(world: World, account: Account) -> tuple[Value, Value]:
    """One comment told twice: on the organic post, and on the ad made from it."""
    ad = world.ad(account)
    on_copy = on_ad(world, ad, with_title=True)
    on_post = {
        "from": on_copy["from"],
        "media": {"id": ad.original_media_id, "media_product_type": "FEED"},
        "id": on_copy["id"],
        "text": on_copy["text"],
    }
    return on_post, on_copy


def live(world: World, account: Account) -> Value:
    """A comment on a broadcast."""
    return organic(world, account, "LIVE")
