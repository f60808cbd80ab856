"""What is to be sent for a subscription, whatever there is."""

from datetime import date
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.subscriptions import (
    FIELDS,
    PAGE_FIELD,
    AppSubscription,
    app_plan,
    app_subscription,
    page_fields,
    page_fields_to_send,
)
from simulator.graph.page_subscriptions import FIELDS as PAGE_FIELDS

CALLBACK: Final = "https://hooks.example.com/webhooks/instagram"
TODAY: Final = date(2026, 12, 1)

LISTS = st.lists(st.sampled_from(PAGE_FIELDS), unique=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["data", "id", "object", "fields", "subscribed_fields", "name"]), inner
        )
    ),
)
SUBSCRIPTIONS = st.builds(
    AppSubscription,
    st.sampled_from([CALLBACK, "https://elsewhere.example.com/", None]),
    st.booleans(),
    st.dictionaries(
        st.sampled_from([*FIELDS, "messages"]), st.sampled_from(["v8.0", "v19.0", "v25.0", None])
    ),
)


@given(LISTS)
def test_a_page_keeps_what_it_has(found: list[str]) -> None:
    """The list is replaced: whatever is not sent would be gone."""
    sent = page_fields_to_send(found)
    after = sent or found
    assert set(after) == {*found, PAGE_FIELD}
    assert len(after) == len(set(after))
    assert page_fields_to_send(after) == ()


@given(st.lists(st.tuples(st.integers(1, 5), LISTS), unique_by=lambda app: app[0]))
def test_the_fields_are_those_of_our_app(apps: list[tuple[int, list[str]]]) -> None:
    """Other apps may be on the same Page."""
    answer = {"data": [{"id": str(app), "subscribed_fields": fields} for app, fields in apps]}
    assert page_fields(answer, "1") == tuple(dict(apps).get(1, []))


@given(st.none() | SUBSCRIPTIONS, st.sampled_from([CALLBACK, None]))
def test_what_is_sent_mends_all_that_is_wrong(
    found: AppSubscription | None, callback_url: str | None
) -> None:
    """And nothing that was there goes away, as Meta adds fields to those before."""
    plan = app_plan(found, callback_url, TODAY)
    assert not plan.problems or plan.to_send
    before = found.versions if found else {}
    if plan.to_send:
        versions = {**before, **dict.fromkeys(plan.to_send, "v25.0")}
        url = callback_url or (found and found.callback_url)
        found = AppSubscription(url, True, versions)
    assert app_plan(found, callback_url, TODAY) == ((), (), ())


def test_what_is_wrong_is_named() -> None:
    """All of it."""
    good = AppSubscription(CALLBACK, True, dict.fromkeys(FIELDS, "v25.0"))
    assert app_plan(good, CALLBACK, TODAY) == ((), (), ())
    assert app_plan(None, CALLBACK, TODAY) == (("not_subscribed",), FIELDS, ())
    bad = AppSubscription("https://staging.example.com/", False, {"mentions": "v25.0"})
    plan = app_plan(bad, CALLBACK, TODAY)
    assert plan.problems == ("inactive", "other_callback", "fields_missing")
    assert plan.to_send == FIELDS
    fewer = good._replace(versions={"mentions": "v25.0", "comments": "v25.0"})
    assert app_plan(fewer, CALLBACK, TODAY).to_send == ("live_comments", "story_insights")


def test_a_version_that_has_ended_is_no_reason_to_worry() -> None:
    """Its fields come; they are sent anew by who asks for it."""
    old = AppSubscription(CALLBACK, True, {**dict.fromkeys(FIELDS, "v25.0"), "comments": "v19.0"})
    assert app_plan(old, CALLBACK, TODAY) == ((), ("comments",), ("comments",))
    oldest = old._replace(versions={**old.versions, "comments": "v2.0"})
    assert app_plan(oldest, CALLBACK, TODAY).outdated == ("comments",)


@pytest.mark.parametrize("field", [{"name": "comments", "version": "v25.0"}, "comments"])
def test_both_forms_of_fields(field: object) -> None:
    """Older answers name them alone."""
    answer = {
        "data": [
            {"object": "page", "callback_url": "https://x/", "active": True, "fields": []},
            {"object": "instagram", "callback_url": CALLBACK, "active": False, "fields": [field]},
        ]
    }
    found = app_subscription(answer)
    assert found is not None
    assert (found.callback_url, found.is_active, list(found.versions)) == (
        CALLBACK,
        False,
        ["comments"],
    )


@given(st.dictionaries(st.just("data"), JSON))
def test_odd_answers_are_no_subscription_or_one(answer: dict[str, object]) -> None:
    """They never fail."""
    app_plan(app_subscription(answer), CALLBACK, TODAY)
    page_fields_to_send(page_fields(answer, "1"))
