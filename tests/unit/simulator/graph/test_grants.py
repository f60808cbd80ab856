"""What users granted: each condition can be broken, and calls and `/debug_token` tell."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.graph.grants import Grant
from simulator.graph.graph import Graph
from tests.unit.simulator.graph.calling import ACCOUNT, OTHER, PAGE, Clock, call, outcome

IDS = st.frozensets(st.sampled_from(["1", "2", "3"]))


@given(st.booleans(), IDS, IDS)
def test_a_permission_is_for_its_targets(granted: bool, targets: frozenset[str], ids: Any) -> None:
    """For everything where none are named."""
    grant = Grant(scopes=("a",) if granted else (), targets={"a": tuple(targets)})
    assert grant.allows("a", ids) is (granted and (not targets or bool(targets & ids)))


def granting(**changed: Any) -> Graph:
    """A graph where something else is granted than at the start."""
    graph = Graph(clock=Clock())
    graph.grants.now = graph.grants.first.model_copy(update=changed)
    return graph


def debugged(graph: Graph) -> dict[str, Any]:
    """What `/debug_token` tells of the first user's token."""
    value = graph.tokens.user_token(0)
    told: dict[str, Any] = call(graph, "GET", "debug_token", input_token=value).document["data"]
    return told


def test_a_missing_scope_is_told() -> None:
    """By `/debug_token` and `/me/permissions`."""
    graph = granting(scopes=("instagram_basic",))
    assert debugged(graph)["scopes"] == ["instagram_basic"]
    assert call(graph, "GET", "me/permissions").document == {
        "data": [{"permission": "instagram_basic", "status": "granted"}]
    }
    assert outcome(call(graph, "GET", ACCOUNT, fields="mentioned_media.media_id(1)")) == "10"


def test_permissions_are_a_users() -> None:
    """Pages and apps have none."""
    graph = Graph()
    page = graph.tokens.page_token(graph.directory.pages[PAGE])
    assert outcome(call(graph, "GET", "me/permissions", page)) == "100/33"
    app = f"{graph.options.app_id}|{graph.options.app_secret}"
    assert outcome(call(graph, "GET", "me/permissions", app)) == "100/33"
    assert outcome(call(graph, "GET", "me/permissions", graph.tokens.system_token(0))) == "ok"


def test_a_scope_may_be_limited_to_other_accounts() -> None:
    """These are told, and only theirs is answered."""
    graph = granting(targets={"instagram_basic": (OTHER,)})
    scopes = {one["scope"]: one["target_ids"] for one in debugged(graph)["granular_scopes"]}
    assert scopes["instagram_basic"] == [OTHER]
    assert ACCOUNT in scopes["instagram_manage_comments"]
    assert outcome(call(graph, "GET", ACCOUNT, fields="username")) == "10"
    assert outcome(call(graph, "GET", OTHER, fields="username")) == "ok"


def test_pages_that_were_not_shown_are_not_listed() -> None:
    """By the Page's id."""
    graph = granting(targets={"pages_show_list": (PAGE,)})
    assert [one["id"] for one in call(graph, "GET", "me/accounts").document["data"]] == [PAGE]


def test_other_apps_and_the_end_of_data_access_are_told() -> None:
    """In place of ours, and of 90 days; the app's own token knows no end."""
    now_s = int(Clock().now_s)
    assert debugged(Graph(clock=Clock()))["data_access_expires_at"] == now_s + 90 * 86_400
    graph = granting(app_id="7", data_access_expires_at=now_s - 1)
    told = debugged(graph)
    assert (told["app_id"], told["data_access_expires_at"]) == ("7", now_s - 1)
    app = f"{graph.options.app_id}|{graph.options.app_secret}"
    assert graph.tokens.debugged(app, now_s)["data_access_expires_at"] == 0


def test_a_page_loses_its_account_or_its_users_tasks() -> None:
    """The account is not told, and not reached any more."""
    graph = granting(unlinked=(ACCOUNT,), tasks=("ANALYZE",))
    fields = "tasks,instagram_business_account"
    first, second, *_ = call(graph, "GET", "me/accounts", fields=fields).document["data"]
    assert first == {"tasks": ["ANALYZE"], "id": PAGE}
    assert second["instagram_business_account"]["id"] == OTHER
    assert outcome(call(graph, "GET", ACCOUNT, fields="username")) == "100/33"


@pytest.mark.parametrize("wrong", [{"scope": []}, {"tasks": 5}])
def test_what_is_no_grant_is_refused(wrong: dict[str, Any]) -> None:
    """So that a test that breaks something breaks it."""
    with pytest.raises(ValueError, match=r"."):
        Grant.model_validate({"scopes": (), **wrong})
