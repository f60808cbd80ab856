"""What can be asked of the Graph API: each request as a value. Pure.

Every read names its fields: the default sets are small and not documented. Many ids in one read
(`?ids=`) are no longer answered: https://developers.facebook.com/docs/graph-api/changelog/version26.0
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlencode

import orjson

from schemas.enriched import Endpoint
from schemas.fields import INSTAGRAM

MAX_BATCH: Final = 50
"""Source: https://developers.facebook.com/docs/graph-api/batch-requests"""

ACCOUNTS_PER_PAGE: Final = 100

REPLIES_PER_PAGE: Final = 50
"""The most that Meta gives.

Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-media/comments
"""

_COMMENT_FIELDS: Final = (
    "id,text,timestamp,username,from{id,username},like_count,hidden,parent_id,"
    "media{id,media_type,media_product_type,permalink}"
)
"""Public fields of the media come along: ads have a page of their own, which nobody else tells.

Source: https://developers.facebook.com/docs/instagram-platform/reference/instagram-media
"""
_MENTIONED_COMMENT_FIELDS: Final = (
    "id,text,timestamp,like_count,username,media{id,media_url,media_type}"
)
_MENTIONED_MEDIA_FIELDS: Final = (
    "id,caption,media_type,media_url,timestamp,like_count,comments_count,username"
)
_MEDIA_FIELDS: Final = (
    "id,caption,media_type,media_product_type,permalink,timestamp,username,"
    "comments_count,like_count"
)
_REPLY_FIELDS: Final = "id,text,timestamp,username,from{id,username}"
_PAGE_FIELDS: Final = "id,name,access_token,tasks,instagram_business_account{id,username}"


@dataclass(frozen=True, slots=True)
class GraphRequest:
    """One GET.

    Attributes:
        endpoint: what it is called in metrics and logs.
        path: without the version.
        query: without token and proof. It may hold secrets, so it is not shown.
        member: where in the answer the object is; None when the answer is the object.
    """

    endpoint: str
    path: str
    query: tuple[tuple[str, str], ...] = field(repr=False)
    member: str | None = None

    def url(self, version: str, proof: str | None = None) -> str:
        """Path and query after the host, percent-encoded: `v25.0/179…?fields=…`."""
        proofs = (("appsecret_proof", proof),) if proof else ()
        return f"{version}/{self.path}?{urlencode((*self.query, *proofs), safe=',()')}"


@dataclass(frozen=True, slots=True)
class GraphWrite:
    """One POST. There is no idempotency: the same one sent twice is done twice.

    It never asks for fields: Meta would do it, and then answer that it cannot tell them (code 20).

    Attributes:
        endpoint: what it is called in metrics and logs.
        path: without the version.
        form: the body, without token. It holds messages and may hold secrets, so it is not shown.
        query: without proof.
    """

    endpoint: str
    path: str
    form: tuple[tuple[str, str], ...] = field(repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def url(self, version: str, proof: str) -> str:
        """Path and query after the host, percent-encoded."""
        return f"{version}/{self.path}?{urlencode((*self.query, ('appsecret_proof', proof)))}"


def read(endpoint: Endpoint, account_id: str, object_id: str) -> GraphRequest:
    """What is asked for by a task of enrichment.

    Raises:
        ValueError: an id is no decimal number.
    """
    if endpoint in ("comment", "live_comment"):
        return replace(comment(object_id), endpoint=endpoint)
    if endpoint == "mentioned_comment":
        return mentioned_comment(account_id, object_id)
    if endpoint == "mentioned_media":
        return mentioned_media(account_id, object_id)
    return media(object_id)


def comment(comment_id: str) -> GraphRequest:
    """A comment on media of our own; for albums, `media` is the album.

    Source: https://developers.facebook.com/documentation/instagram-platform/instagram-graph-api/reference/ig-comment.md
    """
    return GraphRequest("comment", _id(comment_id), (("fields", _COMMENT_FIELDS),))


def mentioned_comment(account_id: str, comment_id: str) -> GraphRequest:
    """A comment on somebody else's media that mentions the account.

    Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/mentioned_comment
    """
    fields = f"mentioned_comment.comment_id({_id(comment_id)}){{{_MENTIONED_COMMENT_FIELDS}}}"
    query = (("fields", fields),)
    return GraphRequest("mentioned_comment", _id(account_id), query, "mentioned_comment")


def mentioned_media(account_id: str, media_id: str) -> GraphRequest:
    """Somebody else's media whose caption mentions the account.

    Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/mentioned_media
    """
    fields = f"mentioned_media.media_id({_id(media_id)}){{{_MENTIONED_MEDIA_FIELDS}}}"
    return GraphRequest(
        "mentioned_media", _id(account_id), (("fields", fields),), "mentioned_media"
    )


def media(media_id: str) -> GraphRequest:
    """Media of our own.

    Source: https://developers.facebook.com/docs/instagram-platform/reference/instagram-media
    """
    return GraphRequest("media", _id(media_id), (("fields", _MEDIA_FIELDS),))


def accounts_page(after: str | None = None) -> GraphRequest:
    """A page of the Pages that a user token reaches, with their tokens and Instagram accounts.

    `after` is the cursor of the page before. The paging links that Meta gives hold a token.
    """
    query = (("fields", _PAGE_FIELDS), ("limit", str(ACCOUNTS_PER_PAGE)))
    cursor = (("after", after),) if after is not None else ()
    return GraphRequest("accounts", "me/accounts", (*query, *cursor))


def debug_token(token: str) -> GraphRequest:
    """What Meta knows of a token: to be asked with the app's own, `app_id|app_secret`.

    Source: https://developers.facebook.com/docs/facebook-login/guides/access-tokens/debug_token
    """
    return GraphRequest("debug_token", "debug_token", (("input_token", token),), "data")


def token_exchange(app_id: str, app_secret: str, token: str) -> GraphRequest:
    """A user token of about 60 days for a short one; asked without any other token.

    Source: https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived
    """
    query = (
        ("grant_type", "fb_exchange_token"),
        ("client_id", _id(app_id)),
        ("client_secret", app_secret),
        ("fb_exchange_token", token),
    )
    return GraphRequest("token_exchange", "oauth/access_token", query)


def comment_replies(comment_id: str, after: str | None = None) -> GraphRequest:
    """A page of the replies to a comment on media of our own.

    Source: https://developers.facebook.com/documentation/instagram-platform/instagram-graph-api/reference/ig-comment/replies.md
    """
    query = (("fields", _REPLY_FIELDS), ("limit", str(REPLIES_PER_PAGE)))
    cursor = (("after", after),) if after is not None else ()
    return GraphRequest("comment_replies", f"{_id(comment_id)}/replies", (*query, *cursor))


def page_subscriptions(page_id: str, after: str | None = None) -> GraphRequest:
    """A part of the apps that are on a Page, with their fields: to be asked with its own token.

    Source: https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps
    """
    query = (("fields", "id,name,subscribed_fields"),)
    cursor = (("after", after),) if after is not None else ()
    return GraphRequest("page_subscriptions", f"{_id(page_id)}/subscribed_apps", (*query, *cursor))


def live_media(account_id: str) -> GraphRequest:
    """The broadcasts of an account that are on air, at most a page of them.

    Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/live_media
    """
    query = (("fields", "id"),)
    return GraphRequest("live_media", f"{_id(account_id)}/live_media", query)


def app_subscriptions(app_id: str) -> GraphRequest:
    """What an app is subscribed to: to be asked with its own token, `app_id|app_secret`.

    Source: https://developers.facebook.com/docs/graph-api/webhooks/subscriptions-edge
    """
    query = (("fields", "object,callback_url,active,fields"),)
    return GraphRequest("app_subscriptions", f"{_id(app_id)}/subscriptions", query)


def app_permissions(app_id: str) -> GraphRequest:
    """The permissions that an app may ask users for, with a status each: to be asked with its own
    token.

    Source: https://developers.facebook.com/docs/graph-api/reference/application/permissions/
    """
    query = (("fields", "permission,status"),)
    return GraphRequest("app_permissions", f"{_id(app_id)}/permissions", query)


def user_permissions() -> GraphRequest:
    """What a token's user granted to the app.

    Source: https://developers.facebook.com/docs/graph-api/reference/user/permissions
    """
    query = (("fields", "permission,status"),)
    return GraphRequest("permissions", "me/permissions", query)


def mention_reply(
    account_id: str, media_id: str, comment_id: str | None, message: str
) -> GraphWrite:
    """Answers a mention: the comment that holds it, or without one the media, for a caption.

    Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/mentions
    """
    target = (("comment_id", _id(comment_id)),) if comment_id is not None else ()
    form = (("media_id", _id(media_id)), *target, ("message", message))
    return GraphWrite("mention_reply", f"{_id(account_id)}/mentions", form)


def comment_reply(comment_id: str, message: str) -> GraphWrite:
    """Answers a comment on media of our own. An answer to a reply goes to the comment at the top.

    Source: https://developers.facebook.com/documentation/instagram-platform/instagram-graph-api/reference/ig-comment/replies.md
    """
    return GraphWrite("comment_reply", f"{_id(comment_id)}/replies", (("message", message),))


def page_subscribe(page_id: str, fields: Sequence[str]) -> GraphWrite:
    """Subscribes the app to a Page, with these fields in the place of those before.

    Source: https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps
    """
    form = (("subscribed_fields", ",".join(fields)),)
    return GraphWrite("page_subscribe", f"{_id(page_id)}/subscribed_apps", form)


def app_subscribe(
    app_id: str, callback_url: str, verify_token: str, fields: Sequence[str]
) -> GraphWrite:
    """Subscribes an app to fields of `instagram`, beside those before. Meta calls back at once.

    Source: https://developers.facebook.com/docs/graph-api/webhooks/subscriptions-edge
    """
    form = (
        ("object", INSTAGRAM),
        ("callback_url", callback_url),
        ("fields", ",".join(fields)),
        ("include_values", "true"),
        ("verify_token", verify_token),
    )
    return GraphWrite("app_subscribe", f"{_id(app_id)}/subscriptions", form)


def batch_items(requests: Sequence[GraphRequest], version: str, proof: str) -> str:
    """The parameter `batch` of a POST that stands for all these requests.

    Each one counts as a call. Each has the proof of its own: that of the batch is not taken for
    them (https://github.com/arsduo/koala/pull/507).

    Raises:
        ValueError: there are none, or more than 50.
    """
    if not 1 <= len(requests) <= MAX_BATCH:
        raise ValueError(f"a batch has 1 to {MAX_BATCH} requests, not {len(requests)}")
    items = [{"method": "GET", "relative_url": request.url(version, proof)} for request in requests]
    return orjson.dumps(items).decode()


def _id(digits: str) -> str:
    """An id, for a path or an expression in `fields`, where anything else could mean much more.

    Raises:
        ValueError: it is no decimal number.
    """
    if not digits.isascii() or not digits.isdecimal():
        raise ValueError("an id of Meta's has digits only")
    return digits
