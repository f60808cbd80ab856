"""`hookline subscriptions`, as operators run it, against the simulated Graph API."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.subscriptions import FIELDS
from hookline.subscriptions import survey as at_meta
from schemas.settings import SubscriptionsSettings
from simulator.graph.app_subscriptions import AppSubscription
from simulator.graph.faults import Fault
from simulator.graph.options import GraphOptions
from simulator.graph.server import serve_graph
from tests.integration.operating import Operator
from tests.integration.service import free_port
from tests.integration.test_watchdog import VERIFY_TOKEN, callback
from tests.integration.verb import Ran, asked

ELSEWHERE: Final = "https://staging.example.com/webhooks/instagram"


@pytest.fixture
async def operator(engine: AsyncEngine, database_url: str) -> AsyncIterator[Operator]:
    """Two accounts that are connected, and a callback that answers Meta."""
    async with serve_graph(GraphOptions(accounts=2)) as server, callback() as url:
        settings = {
            "PUBLIC_URL": url.removesuffix("/webhooks/instagram"),
            "VERIFY_TOKEN": VERIFY_TOKEN,
        }
        made = Operator(engine, database_url, server, **settings)
        assert (await made.connect()).code == 0
        yield made


async def applied(operator: Operator, *arguments: str, **changed: str) -> Ran:
    """What `apply` made of it."""
    return await operator.verb("subscriptions", "apply", *arguments, **changed)


def page_ids(operator: Operator) -> list[str]:
    """Of the connected accounts."""
    return [one.page_id for one in operator.graph.directory.accounts.values()]


def subscribe_app(operator: Operator, url: str, **fields: str) -> None:
    """What the app is subscribed to."""
    operator.graph.apps.put([AppSubscription(callback_url=url, fields=fields)])


async def operations(operator: Operator) -> list[dict[str, Any]]:
    """The audit of the verb."""
    return await operator.rows(
        "SELECT * FROM hookline.operations WHERE verb = 'subscriptions apply'"
    )


async def test_everything_is_subscribed(operator: Operator) -> None:
    """`status` says no, a dry run what would be done, `apply` does it once, `status` says yes."""
    before = await operator.verb("subscriptions", "status", "--json")
    assert before.code == 1
    assert [one["state"] for one in before.document["accounts"]] == ["missing"] * 2
    [app] = before.document["apps"]
    assert (app["state"], app["reason"]) == ("missing", "not_subscribed")
    dry = await applied(operator, "--dry-run", "--json")
    assert (dry.code, dry.document["written"]) == (0, 0)
    assert [one["to_send"] for one in dry.document["accounts"]] == [["feed"]] * 2
    assert dry.document["apps"][0]["to_send"] == list(FIELDS)
    assert await operations(operator) == []
    assert operator.graph.apps.fields() == ()

    ran = await applied(operator, "--yes", "--json")
    assert (ran.code, ran.document["written"]) == (0, 3), ran.err
    for account in operator.graph.directory.accounts:
        assert operator.graph.pages.fields(account) == ("feed",)
    assert operator.graph.apps.fields() == FIELDS
    [operation] = await operations(operator)
    assert (operation["state"], operation["counts"]) == ("done", {"written": 3})
    assert VERIFY_TOKEN not in str(operation) + ran.out + ran.err

    after = await operator.verb("subscriptions", "status")
    assert (after.code, after.err) == (0, "")
    again = await applied(operator, "--yes")
    assert (again.code, again.err) == (0, "Nothing was changed.\n")
    assert len(await operations(operator)) == 1


async def test_what_a_page_has_stays(operator: Operator) -> None:
    """The list is replaced, so all of it is sent again. One account at a time, if so wanted."""
    first, second = operator.graph.directory.accounts
    for account in (first, second):
        operator.graph.pages.put(account, ("leadgen", "ratings"))
    ran = await applied(operator, "--yes", "--account", first, "--json")
    assert ran.code == 0, ran.err
    assert operator.graph.pages.fields(first) == ("leadgen", "ratings", "feed")
    assert operator.graph.pages.fields(second) == ("leadgen", "ratings")
    assert [one["account_id"] for one in ran.document["accounts"]] == [first]
    unknown = await applied(operator, "--yes", "--account", "17")
    assert (unknown.code, unknown.err.partition(". ")[0]) == (1, "Not connected: 17")


async def test_meta_does_not_take_instagram_from_an_app(
    engine: AsyncEngine, database_url: str
) -> None:
    """The dashboard's steps are printed, with what to fill in; Pages are subscribed."""
    options = GraphOptions(accounts=1, refuse_instagram=True)
    async with serve_graph(options) as server, callback() as url:
        host = url.removesuffix("/webhooks/instagram")
        operator = Operator(
            engine, database_url, server, PUBLIC_URL=host, VERIFY_TOKEN=VERIFY_TOKEN
        )
        await operator.connect()
        ran = await applied(operator, "--yes")
        assert ran.code == 1
        assert f"developers.facebook.com/apps/{options.app_id}/webhooks/" in ran.out
        assert url in ran.out
        assert all(field in ran.out for field in FIELDS)
        assert VERIFY_TOKEN not in ran.out + ran.err
        assert all(server.graph.pages.fields(page_id) for page_id in page_ids(operator))
        [operation] = await operations(operator)
        assert operation["counts"] == {"failed": 1, "written": 1}


async def test_without_a_public_url_the_steps_are_told(operator: Operator) -> None:
    """And the app is left alone."""
    ran = await applied(operator, "--yes", "--json", PUBLIC_URL="")
    assert ran.code == 1
    [app] = ran.document["apps"]
    assert (app["reason"], app["steps"][2]) == (
        "callback_not_set",
        "Callback URL: https://<your host>/webhooks/instagram",
    )
    assert operator.graph.statistics.endpoints["app_subscribe"] == 0
    assert all(one["state"] == "subscribed" for one in ran.document["accounts"])


async def test_a_callback_that_nobody_answers(operator: Operator) -> None:
    """Meta asks it before it believes: nothing changes, and the reason is told."""
    ran = await applied(operator, "--yes", "--json", PUBLIC_URL=f"http://127.0.0.1:{free_port()}")
    assert ran.code == 1
    [app] = ran.document["apps"]
    assert (app["reason"], app["code"]) == ("graph_refused_2200", 2200)
    assert "HTTPS" in app["advice"]
    assert operator.graph.apps.fields() == ()


async def test_a_callback_moves_only_when_somebody_agrees(operator: Operator) -> None:
    """It is named in the question; a no leaves all as it is."""
    subscribe_app(operator, ELSEWHERE, comments="v25.0", messages="v25.0")
    nobody = await applied(operator)
    assert nobody.code == 2
    assert "--yes" in nobody.err
    ran, _ = await asked("[y/N]:", "n", "subscriptions", "apply", **operator.settings)
    url = f"{operator.settings['PUBLIC_URL']}/webhooks/instagram"
    assert ran.code == 1
    assert f"move its callback to {url}" in ran.err
    assert operator.graph.statistics.endpoints["app_subscribe"] == 0
    ran = await applied(operator, "--yes", "--json")
    assert ran.code == 0, ran.err
    [app] = ran.document["apps"]
    assert (app["callback_url"], app["problems"]) == (url, [])
    assert set(app["fields"]) == {*FIELDS, "messages"}


async def test_what_changed_while_somebody_thought_about_it_stays(
    engine: AsyncEngine, operator: Operator
) -> None:
    """A field that a Page has got meanwhile, and a callback that has moved."""
    first, second = operator.graph.directory.accounts
    url = f"{operator.settings['PUBLIC_URL']}/webhooks/instagram"
    subscribe_app(operator, url, comments="v25.0")
    told = {name.lower(): value for name, value in operator.settings.items()}
    settings = SubscriptionsSettings.model_validate(told)
    wanted = await at_meta.subjects(engine, settings, [])
    async with at_meta.subscribing(settings) as meta:
        before = await at_meta.survey(meta, wanted, lambda _: None)
        operator.graph.pages.put(first, ("leadgen",))
        subscribe_app(operator, ELSEWHERE, comments="v25.0")
        after = await at_meta.apply(engine, meta, before, lambda _: None)
    assert [check.state for check in after] == ["missing", "subscribed", "subscribed"]
    assert operator.graph.pages.fields(first) == ("leadgen", "feed")
    assert operator.graph.pages.fields(second) == ("feed",)
    assert operator.graph.statistics.endpoints["app_subscribe"] == 0


@pytest.mark.parametrize("case", ["permission", "token", "success: false"])
async def test_a_page_that_is_refused(engine: AsyncEngine, database_url: str, case: str) -> None:
    """With Meta's code, and who has to do what."""
    options = GraphOptions(accounts=1, refuse_pages=case == "success: false")
    async with serve_graph(options) as server:
        operator = Operator(engine, database_url, server)
        await operator.connect()
        if case == "permission":
            scopes = tuple(one for one in options.scopes if one != "pages_manage_metadata")
            grants = operator.graph.grants
            grants.now = grants.first.model_copy(update={"scopes": scopes})
        elif case == "token":
            operator.graph.end_tokens(0, 460)
        ran = await applied(operator, "--yes", "--json")
        assert ran.code == 1
        [page] = ran.document["accounts"]
        expected = {
            "permission": ("missing", "permission_missing", 200, "grant pages_manage_metadata"),
            "token": ("unknown", "token_password_changed", 190, "connect the account again"),
            "success: false": ("missing", "graph_did_not", None, "Meta told no reason"),
        }[case]
        assert (page["state"], page["reason"], page["code"]) == expected[:3]
        assert page["advice"].startswith(expected[3])
        shown = await operator.verb("subscriptions", "status")
        assert shown.code == 1


async def test_a_graph_api_that_is_away(operator: Operator) -> None:
    """Is not the subscription's fault."""
    operator.graph.faults.wanted = (Fault(kind="status", status=503),)
    ran = await operator.verb("subscriptions", "status", "--json")
    assert ran.code == 3
    assert {one["state"] for one in ran.document["accounts"]} == {"unknown"}


async def test_nobody_is_connected(engine: AsyncEngine, database_url: str) -> None:
    """The apps are looked at that the settings name."""
    async with serve_graph(GraphOptions(accounts=1)) as server:
        operator = Operator(engine, database_url, server)
        app_id = server.graph.options.app_id
        operator.settings["APP_SECRETS"] = operator.settings["APP_SECRETS"].partition(",")[2]
        subscribe_app(operator, ELSEWHERE, **dict.fromkeys(FIELDS, "v25.0"))
        ran = await operator.verb("subscriptions", "status")
        assert ran.code == 0, ran.err
        assert f"app {app_id}" in ran.out
        assert "hookline accounts connect" in ran.out
