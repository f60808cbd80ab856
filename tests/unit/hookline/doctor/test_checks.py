"""Every condition broken in turn: its check turns red with the right advice, and no other does."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, NamedTuple

import pytest

from graph.subscriptions import FIELDS, AppSubscription
from hookline.accounts.account import NEEDED_SCOPES
from hookline.doctor.catalogue import CHECKS, GROUPS, examined
from hookline.doctor.facts import (
    Behind,
    Breaker,
    Certificate,
    Configured,
    Disk,
    Facts,
    Gap,
    Kafka,
    Reply,
    Stages,
)
from hookline.doctor.finding import Finding, Fix, State, Unseen
from hookline.doctor.meta import Clock, Link, PageState
from schemas.topics import DEAD_LETTERS
from tests.unit.hookline.doctor.healthy import (
    ACCOUNTS,
    APP,
    DAY,
    EXACT,
    MINUTE,
    NOW,
    SPECS,
    URL,
    facts,
    standing,
    with_account,
    with_app,
    with_callback,
    with_database,
    with_deliveries,
    with_graph,
    with_group,
    with_ingest,
    with_topic,
)

RAW: Final = "instagram.raw.comments"
VERSIONS: Final = dict.fromkeys(FIELDS, "v25.0")
HTML: Final = Reply(200, "text/html")
ASK_QUESTIONS: Final = ("app_live", "advanced_access", "business_verified", "media_owner_public")


class Case(NamedTuple):
    """A broken set of facts: the check that tells, what it advises, and which others may change."""

    name: str
    facts: Facts
    check: str
    advice: str
    state: State = "red"
    fix: Fix | None = None
    others: Sequence[str] = ()


def _skewed(seconds: float) -> Clock:
    return Clock(timedelta(seconds=seconds), EXACT.within)


def _granted(*missing: str, granular: list[dict[str, object]] | None = None) -> Facts:
    scopes = [one for one in NEEDED_SCOPES if one not in missing]
    told = granular if granular is not None else [{"scope": one} for one in scopes]
    return with_account(account={"scopes": scopes, "granular_scopes": told})


def _without_topic(name: str) -> Facts:
    made = facts()
    assert isinstance(made.kafka, Kafka)
    topics = {known: topic for known, topic in made.kafka.topics.items() if known != name}
    return replace(made, kafka=replace(made.kafka, topics=topics))


def _behind(worker: str, **changes: Any) -> Facts:
    behind = Behind(10, 0, NOW - MINUTE, 7 * DAY)._replace(**changes)
    return with_group(worker, topics={RAW: behind})


def _handshake(*reply: Any, **more: Any) -> Facts:
    return with_callback(handshake=Reply(*reply, **more))


def _forged(status: int, reason: str | None = None) -> Facts:
    return with_callback(forged=Reply(status, reason=reason))


def _subscription(**changes: Any) -> Facts:
    found = AppSubscription(URL, True, VERSIONS)._replace(**changes)
    return with_app(subscription=found)


CONFIGS: Final[tuple[tuple[str, str, str, State], ...]] = (
    (RAW, "max.message.bytes", "1048588", "red"),
    (RAW, "min.insync.replicas", "1", "red"),
    (RAW, "retention.ms", "3600000", "red"),
    (RAW, "cleanup.policy", "compact", "red"),
    (DEAD_LETTERS, "retention.ms", "604800000", "red"),
    (RAW, "retention.ms", "-1", "yellow"),
    (RAW, "compression.type", "gzip", "yellow"),
)

CASES: Final = (
    # settings
    Case(
        "a setting is missing",
        facts(configured=Configured(("HOOKLINE_KAFKA_BOOTSTRAP: missing",))),
        "settings",
        "docs/configuration.md",
    ),
    # the callback
    Case(
        "it redirects", _handshake(301, location="www.example.com/"), "callback", "Meta the address"
    ),
    Case("a web page answers", with_callback(handshake=HTML), "callback", "ingest does not"),
    Case(
        "the challenge comes as a web page",
        _handshake(200, "text/html", echoes=True),
        "callback",
        "ingest does not",
    ),
    Case("the challenge has company", _handshake(200, "text/plain"), "callback", "ingest does not"),
    Case(
        "another verify token",
        _handshake(403, reason="handshake_token"),
        "callback",
        "HOOKLINE_VERIFY_TOKEN",
    ),
    Case("no query", _handshake(403, reason="handshake_mode"), "callback", "with its query"),
    Case("half a query", _handshake(400, reason="handshake_challenge"), "callback", "its query"),
    Case("another path", _handshake(404, reason="not_found"), "callback", "with its path"),
    Case("a firewall", _handshake(403), "callback", "without a login"),
    Case("another server", _handshake(404), "callback", "whether ingest runs"),
    Case("nobody behind", _handshake(502), "callback", "whether ingest runs"),
    Case("an answer that is none", _handshake(418), "callback", "whether ingest runs"),
    Case(
        "it is http",
        with_callback(url="http://hooks.example.com/webhooks/instagram", certificate=None),
        "callback_address",
        "certificate",
        others=("callback_certificate",),
    ),
    Case(
        "nobody gets there from outside",
        with_callback(url="https://10.0.0.5/webhooks/instagram"),
        "callback_address",
        "by which Meta reaches",
    ),
    Case(
        "it has no name that others know",
        with_callback(url="https://ingest/webhooks/instagram"),
        "callback_address",
        "by which Meta reaches",
    ),
    Case(
        "every token is right",
        with_callback(wrong_token=Reply(200, "text/plain", echoes=True)),
        "callback_wrong_token",
        "echoes every challenge",
    ),
    Case(
        "a wrong token is a page",
        with_callback(wrong_token=HTML),
        "callback_wrong_token",
        "whether ingest runs",
    ),
    Case("nobody verifies", _forged(200), "callback_signature", "who answers"),
    Case("no header", _forged(401, "signature_missing"), "callback_signature", "its headers"),
    Case("a changed header", _forged(401, "signature_malformed"), "callback_signature", "headers"),
    Case("two headers", _forged(401, "signature_repeated"), "callback_signature", "each header"),
    Case("a login", _forged(401), "callback_signature", "without a login"),
    Case("a check of CSRF", _forged(403), "callback_signature", "CSRF"),
    Case("GET alone", _forged(405), "callback_signature", "GET and POST"),
    Case("encoded anew", _forged(415, "content_encoding"), "callback_signature", "compression"),
    Case("a full line", _forged(503, "inflight_limit"), "callback_signature", "kafka"),
    Case("nobody takes it", _forged(502), "callback_signature", "whether ingest runs"),
    Case("a POST redirects", _forged(308), "callback_signature", "answers itself"),
    Case(
        "a proxy with its own limit",
        with_callback(large=Reply(413)),
        "callback_size",
        "client_max_body_size",
    ),
    Case(
        "ingest's own limit",
        with_callback(large=Reply(413, reason="body_too_large")),
        "callback_size",
        "HOOKLINE_INGEST_MAX_BODY_BYTES",
    ),
    Case("the large one ends in a 504", with_callback(large=Reply(504)), "callback_size", "ingest"),
    *(
        Case(
            f"certificate: {code}",
            with_callback(certificate=Certificate(code=code, detail="told")),
            "callback_certificate",
            advice,
        )
        for code, advice in (
            (10, "Renew"),
            (18, "public authority"),
            (19, "public authority"),
            (20, "intermediate"),
            (21, "intermediate"),
            (62, "HOOKLINE_PUBLIC_URL"),
            (0, "TLS at the proxy"),
        )
    ),
    Case(
        "the certificate ends soon",
        with_callback(certificate=Certificate(NOW + 10 * DAY)),
        "callback_certificate",
        "Renew",
        "yellow",
    ),
    # ingest
    Case("Kafka is away", with_ingest(not_ready="kafka_unavailable"), "ingest", "kafka"),
    Case("no topics", with_ingest(not_ready="topics_missing"), "ingest", "topics apply"),
    Case(
        "it fails",
        with_ingest(failure_ratio=0.4, refused={"kafka_unavailable": 9}),
        "ingest_failures",
        "kafka_unavailable",
        others=("signatures",),
    ),
    Case(
        "another app secret",
        with_ingest(accepted=0, refused={"signature_mismatch": 7}),
        "signatures",
        "HOOKLINE_APP_SECRETS",
        others=("ingest_failures",),
    ),
    Case(
        "some wrong signatures",
        with_ingest(accepted=10, refused={"signature_mismatch": 7}),
        "signatures",
        "all apps",
        "yellow",
        others=("ingest_failures",),
    ),
    Case("kept aside", with_ingest(kept_aside=1), "spool", "docs/spool.md"),
    Case("spooled", with_ingest(spool_bytes=5), "spool", "kafka", "yellow"),
    # Meta
    Case(
        "the Graph API fails",
        with_graph(status=503),
        "graph",
        "Wait",
        others=("graph_version",),
    ),
    Case(
        "not the Graph API",
        with_graph(is_graph=False),
        "graph",
        "HOOKLINE_GRAPH_URL",
        others=("graph_version",),
    ),
    Case(
        "an ended version",
        with_graph(pinned="v19.0", answering="v21.0"),
        "graph_version",
        "HOOKLINE_GRAPH_VERSION",
    ),
    Case(
        "another version answers", with_graph(answering="v26.0"), "graph_version", "GRAPH_VERSION"
    ),
    Case(
        "a version near its end",
        with_graph(pinned="v21.0", answering="v21.0"),
        "graph_version",
        "HOOKLINE_GRAPH_VERSION",
        "yellow",
    ),
    Case("we are late", with_graph(clock=_skewed(60)), "clock_graph", "NTP"),
    Case("we are early", with_graph(clock=_skewed(-60)), "clock_graph", "NTP"),
    Case("a little late", with_graph(clock=_skewed(7)), "clock_graph", "NTP", "yellow"),
    Case(
        "a wrong secret",
        with_app(secrets=(False,)),
        "app_secret",
        "HOOKLINE_APP_SECRETS",
    ),
    Case("no secret", with_app(secrets=()), "app_secret", "HOOKLINE_APP_SECRETS"),
    Case(
        "an old secret",
        with_app(secrets=(True, False)),
        "app_secret",
        "Take it out",
        "yellow",
    ),
    Case(
        "no subscription",
        with_app(subscription=None),
        "app_subscription",
        "subscriptions apply",
        fix="subscriptions apply",
        others=("field_versions",),
    ),
    Case(
        "not active",
        _subscription(is_active=False),
        "app_subscription",
        "subscriptions apply",
        fix="subscriptions apply",
    ),
    Case(
        "elsewhere",
        _subscription(callback_url="https://staging.example.com/webhooks/instagram"),
        "app_subscription",
        "another line's?",
    ),
    Case(
        "a field less",
        _subscription(versions={"comments": "v25.0"}),
        "app_subscription",
        "subscriptions apply",
        fix="subscriptions apply",
    ),
    Case(
        "an ended field version",
        _subscription(versions={**VERSIONS, "mentions": "v19.0"}),
        "field_versions",
        "subscriptions apply",
        fix="subscriptions apply",
    ),
    # accounts
    Case("no key", with_account(opened=False), "vault", "hookline accounts connect"),
    Case(
        "parked",
        with_account(account={"state": "parked", "state_reason": "token_expired"}),
        "account_state",
        "hookline accounts connect",
    ),
    Case(
        "reads left out",
        with_account(account={"parked_endpoints": {"media": "permission_missing"}}),
        "account_state",
        "Grant the permission",
    ),
    Case(
        "a dead token",
        with_account(token={"is_valid": False, "reason": "token_password_changed"}),
        "token",
        "hookline accounts connect",
        others=("token_life",),
    ),
    Case("another app's token", with_account(token={"app_id": "42"}), "token", f"for app {APP}"),
    Case(
        "access to data ended",
        with_account(token={"data_access_expires_at": NOW - DAY}),
        "token_life",
        "hookline accounts connect",
    ),
    Case(
        "a token near its end",
        with_account(token={"expires_at": NOW + 3 * DAY}),
        "token_life",
        "hookline accounts connect",
        "yellow",
    ),
    Case(
        "not granted",
        _granted("instagram_manage_comments"),
        "permissions",
        "all permissions",
    ),
    Case(
        "no insights",
        _granted("instagram_manage_insights"),
        "permissions",
        "all permissions",
    ),
    Case(
        "granted for others",
        _granted(granular=[{"scope": "instagram_basic", "target_ids": ["1"]}]),
        "permissions",
        "this account",
    ),
    Case("not linked", with_account(link=None), "page_link", "link it", others=("page_tasks",)),
    Case("another Page", with_account(link=Link("999", ("MANAGE",))), "page_link", "connect"),
    Case("no task", with_account(link=Link("101", ("ANALYZE",))), "page_tasks", "MANAGE"),
    Case(
        "the Page is not subscribed",
        with_account(page=PageState(())),
        "page_subscription",
        "subscriptions apply",
        fix="subscriptions apply",
    ),
    Case(
        "the Page's token is dead",
        with_account(page=Unseen("it is dead", "page_subscription", "hookline accounts connect")),
        "page_subscription",
        "accounts connect",
    ),
    # Kafka
    Case(
        "no topic",
        _without_topic(RAW),
        "topics",
        "topics apply",
        fix="topics apply",
        others=("copies",),
    ),
    Case(
        "a narrow topic",
        with_topic(RAW, partitions=3),
        "topics",
        "topics apply",
        fix="topics apply",
    ),
    *(
        Case(
            f"{topic} {name}={value}",
            with_topic(topic, config={name: value}),
            "topics",
            "topics apply",
            state,
            fix="topics apply" if state == "red" else None,
        )
        for topic, name, value, state in CONFIGS
    ),
    Case("no leader", with_topic(RAW, leaderless=2), "copies", "brokers"),
    Case("too few in sync", with_topic(RAW, in_sync=1), "copies", "brokers"),
    Case(
        "one copy",
        with_topic(RAW, copies=1, in_sync=1, config={"min.insync.replicas": "1"}),
        "copies",
        "kafka-reassign-partitions",
        others=("topics",),
    ),
    Case("one not in sync", with_topic(RAW, in_sync=2), "copies", "broker", "yellow"),
    *(
        Case(f"no {worker}", with_group(worker, members=0), "workers", f"hookline worker {worker}")
        for worker in ("archive", "dedupe", "persist", "enrich")
    ),
    Case(
        "nobody replies",
        with_group("reply", members=0),
        "workers",
        "Is that wanted?",
        "ask",
    ),
    Case("lost", _behind("persist", gone=3), "retention", "replay --from archive"),
    Case("soon lost", _behind("persist", oldest_at=NOW - 6.5 * DAY), "retention", "worker persist"),
    Case("any moment", _behind("persist", oldest_at=NOW - 9 * DAY), "retention", "worker persist"),
    Case(
        "late",
        _behind("persist", oldest_at=NOW - 20 * MINUTE),
        "retention",
        "worker persist",
        "yellow",
    ),
    # PostgreSQL
    Case("behind", with_database(revision="0001"), "revision", "hookline migrate", fix="migrate"),
    Case("ahead", with_database(revision="9999"), "revision", "that release", "yellow"),
    Case(
        "no partition",
        with_database(
            months={"deliveries": frozenset({"2026_11"}), "sightings": frozenset({"2026_12"})}
        ),
        "partitions",
        "hookline migrate",
        fix="migrate",
    ),
    Case(
        "strays",
        with_database(strays=("deliveries",)),
        "partitions",
        "wrong clock",
        "yellow",
    ),
    Case("its clock", with_database(clock=_skewed(-90)), "clock_database", "NTP"),
    Case(
        "a breaker",
        facts(stages=Stages((Breaker("dedupe", "50 in a row", NOW - MINUTE),))),
        "breakers",
        "dead-letters resume --stage dedupe",
    ),
    Case(
        "a gap",
        facts(stages=Stages(gaps=(Gap("hookline.persist", RAW, 2, NOW - DAY),))),
        "gaps",
        "replay --from archive",
    ),
    Case(
        "an old gap",
        facts(stages=Stages(gaps=(Gap("hookline.persist", RAW, 2, NOW - 30 * DAY),))),
        "gaps",
        "replay --from archive",
        "yellow",
    ),
    Case(
        "dead letters",
        facts(stages=Stages(parked={"persist": 4})),
        "dead_letters",
        "dead-letters stats --stage persist",
        "yellow",
    ),
    Case("answers", facts(stages=Stages(unknown_replies=4)), "replies", "replies list", "yellow"),
    # deliveries
    Case(
        "silence",
        with_deliveries(
            standings=(
                standing("", activity="silent"),
                *(standing(one, activity="unknown") for one in ACCOUNTS),
            )
        ),
        "deliveries",
        "callback",
    ),
    Case(
        "dedupe is behind",
        with_deliveries(seen_at=NOW - timedelta(hours=1)),
        "deliveries",
        "worker dedupe",
    ),
    Case(
        "without values",
        with_deliveries(bare_at=NOW, valued_at=NOW - MINUTE),
        "values",
        "Include Values",
    ),
    Case(
        "no watchdog",
        with_deliveries(standings=tuple(standing(one, checked_at=NOW - DAY) for one in ACCOUNTS)),
        "watchdog",
        "hookline worker watchdog",
        others=("account_deliveries",),
    ),
    Case(
        "never a watchdog",
        with_deliveries(standings=()),
        "watchdog",
        "hookline worker watchdog",
        others=("account_deliveries",),
    ),
    Case(
        "a quiet account",
        with_deliveries(
            standings=(standing(""), standing(ACCOUNTS[0], activity="quiet"), standing(ACCOUNTS[1]))
        ),
        "account_deliveries",
        "Look at the account",
        "yellow",
        others=("media_owner_public",),
    ),
    # disks
    Case("a full disk", facts(disks=(Disk("the spool /spool", 5, 10**12),)), "disk", "room"),
    Case(
        "less than the spool may take",
        facts(disks=(Disk("the spool /spool", 2**31, 2**33, 2**32),)),
        "disk",
        "room",
        "yellow",
    ),
    Case(
        "a tenth is left",
        facts(disks=(Disk("the folder /data", 2**33, 2**40),)),
        "disk",
        "room",
        "yellow",
    ),
)


def of(findings: list[Finding], check: str) -> list[Finding]:
    """What one check found."""
    return [one for one in findings if one.check == check]


def test_a_healthy_line_is_green_or_asks() -> None:
    """And every check says something."""
    found = examined(facts())
    assert {one.state for one in found} == {"green", "ask"}
    assert {one.check for one in found} == set(CHECKS)
    asked = {one.check for one in found if one.state == "ask"}
    assert asked == {*ASK_QUESTIONS, "database_size"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_thing_is_broken(case: Case) -> None:
    """Its check says so, with what follows and what to do; the others say what they always do."""
    found = examined(case.facts)
    told = [one for one in of(found, case.check) if one.state == case.state]
    assert told, of(found, case.check)
    for one in told:
        assert case.advice in one.repair, one.repair
        assert one.fix == case.fix
        assert one.evidence
        assert one.consequence
    healthy = examined(facts())
    for check in CHECKS:
        if check != case.check and check not in case.others:
            assert _plain(of(found, check)) == _plain(of(healthy, check)), check


def _plain(findings: list[Finding]) -> list[tuple[str, str, State]]:
    """The callback's subject is its address, which may be what is broken."""
    return [
        (one.check, "" if one.group == "callback" else one.subject, one.state) for one in findings
    ]


def test_every_check_that_may_be_red_was() -> None:
    """Each has a broken set-up here, or is the root that others are unknown for."""
    red = {case.check for case in CASES if case.state == "red"}
    never_red = {slug for slug, check in CHECKS.items() if check.red_means.startswith("Never red")}
    roots = {"kafka", "database"}
    by_itself = {"dead_letters", "replies", "account_deliveries"}
    assert red == set(CHECKS) - never_red - roots - by_itself


def test_each_check_has_a_name_of_its_own() -> None:
    """`--only` chooses by it."""
    assert sum(map(len, GROUPS.values())) == len(CHECKS)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (with_deliveries(real_at=None, by_account={}), "only tests of the dashboard arrive"),
        (with_deliveries(real_at=None, by_account={}, test_at=None), "nothing has arrived yet"),
        (facts(), "real deliveries arrive, the latest 1 min ago"),
        (facts(deliveries=Unseen("away", "database")), "could not be looked at"),
    ],
)
def test_what_only_a_person_can_see_comes_with_a_hint(changed: Facts, told: str) -> None:
    """Where only tests arrive, the app is not live, or has no Advanced Access."""
    for check in ASK_QUESTIONS:
        [one] = of(examined(changed), check)
        assert one.state == "ask"
        assert told in one.evidence


def test_what_meta_lists_hints_at_advanced_access() -> None:
    """Its words are told as they are: nobody knows what they mean."""
    [one] = of(examined(with_app(reviewed={"instagram_basic": "in_review"})), "advanced_access")
    assert "instagram_basic in_review" in one.evidence
    assert "without instagram_manage_comments" in one.evidence


def test_nobody_is_connected() -> None:
    """That may be wanted: enrich is not missed, and the watchdog has nothing to look at."""
    nothing = with_deliveries(standings=()).deliveries
    made = replace(with_group("enrich", members=0), accounts=(), deliveries=nothing)
    found = examined(made)
    assert {one.state for one in found} == {"green", "ask"}
    assert [one.subject for one in of(found, "accounts")] == ["accounts"]


def test_just_connected() -> None:
    """The watchdog has not looked yet, which is no fault of it."""
    made = with_deliveries(standings=())
    assert isinstance(made.accounts, tuple)
    accounts = tuple(
        replace(one, account=one.account._replace(connected_at=NOW - MINUTE))
        for one in made.accounts
    )
    found = examined(replace(made, accounts=accounts))
    assert {one.state for one in found} == {"green", "ask"}


def test_a_callback_for_a_simulated_graph_api() -> None:
    """`http` will do, and is never green: it is said what Meta needs."""
    url = "http://127.0.0.1:8080/webhooks/instagram"
    made = with_callback(url=url, of_meta=False, certificate=None)
    [address] = of(examined(made), "callback_address")
    assert (address.state, "certificate" in address.consequence) == ("ask", True)
    [private] = of(examined(with_callback(peer="10.0.0.5")), "callback_address")
    assert private.state == "ask"


def test_nobody_told_where_the_callback_is() -> None:
    """Then it is not known either whether the app is subscribed to it."""
    [one] = of(examined(with_app(callback_url=None)), "app_subscription")
    assert (one.state, one.repair) == ("unknown", "First see to settings.")
    gone = with_app(callback_url=None, subscription=None)
    [one] = of(examined(gone), "app_subscription")
    assert (one.state, one.fix) == ("red", None)
    assert "HOOKLINE_PUBLIC_URL" in one.repair


def test_which_version_answers_is_told_by_any_call() -> None:
    """Without a token Meta may not say; another one than the pinned counts, whoever met it."""
    graph = with_graph(answering=None).graph
    for answering, state in (("v25.0", "green"), ("v26.0", "red"), (None, "ask")):
        made = replace(with_app(answering=answering), graph=graph)
        [one] = of(examined(made), "graph_version")
        assert one.state == state


def test_what_others_answer_moves_no_cursor() -> None:
    """Words of Meta's, and of whoever answers in its place."""
    [one] = of(examined(with_app(reviewed={"instagram_basic": "\x1b[2Jlive\n"})), "advanced_access")
    assert "instagram_basic ·[2Jlive·" in one.evidence


def test_specs_of_one_broker_want_one_copy() -> None:
    """A cluster of one has no other."""
    made = facts()
    assert isinstance(made.kafka, Kafka)
    topics = {
        spec.name: made.kafka.topics[spec.name]._replace(copies=1, in_sync=1) for spec in SPECS
    }
    alone = replace(made.kafka, brokers=1, topics=topics)
    found = of(examined(facts(kafka=alone)), "copies")
    assert {one.state for one in found} == {"red"}  # min.insync.replicas is still 2
