"""Whether Meta's Graph API answers from here, at the version that is pinned."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from graph.versions import outlook
from hookline.doctor.check import AnyCheck, Check, Subjects
from hookline.doctor.checks import clock
from hookline.doctor.facts import Facts
from hookline.doctor.finding import Told, Unseen, ask, green, red, yellow
from hookline.doctor.meta import Clock, Graph

ROOT: Final = "graph"

_REACH: Final = "Let this machine reach HOOKLINE_GRAPH_URL, and nobody answer in its place."


def judge_answers(seen: Graph, _: datetime) -> Iterator[Told]:
    """Whether it is the Graph API that answers."""
    if seen.status >= 500:
        yield red(
            f"the Graph API answers {seen.status}",
            "Nothing can be read or subscribed while that lasts; what waits is kept.",
            "Wait; https://metastatus.com tells of Meta's faults.",
        )
    elif not seen.is_graph:
        yield red(
            f"something answers {seen.status} that is not the Graph API",
            "Nothing can be read or subscribed.",
            _REACH,
        )
    else:
        yield green("it answers")


def judge_version(seen: Graph, now: datetime) -> Iterator[Told]:
    """Whether the pinned version lives, and answers.

    Source: https://developers.facebook.com/docs/graph-api/guides/versioning
    """
    standing = outlook(seen.pinned, now.date())
    move = "Set HOOKLINE_GRAPH_VERSION to a later one, for all services."
    if standing.state == "ended":
        yield red(
            f"{seen.pinned} ended on {standing.ends}",
            "Another version answers in its place: answers change their form without a word.",
            f"{standing.advice}.",
        )
    elif seen.answering is not None and seen.answering != seen.pinned:
        yield red(
            f"{seen.answering} answers in the place of {seen.pinned}",
            "Answers change their form without a word.",
            move,
        )
    elif standing.advice is not None:
        yield yellow(standing.advice, "Then another version answers in its place.", move)
    elif seen.answering is None:
        yield ask(
            f"{seen.pinned} is alive, and Meta did not tell which version answers",
            "Another one may answer in its place.",
            "Look at hookline_graph_version_differs of enrich.",
        )
    else:
        until = f"until {standing.ends}" if standing.ends else "without an announced end"
        yield green(f"{seen.answering} answers, {until}")


def _seen(facts: Facts) -> Subjects[Graph]:
    seen = facts.graph
    return [(seen.url if isinstance(seen, Graph) else "Graph API", seen)]


def _answering(facts: Facts) -> Subjects[Graph]:
    """What answers in its place has no version. A call with a token may be told what one without
    is not."""
    seen = facts.graph
    if isinstance(seen, Unseen):
        return _seen(facts)
    if seen.status >= 500 or not seen.is_graph:
        return [(seen.url, Unseen("the Graph API does not answer", ROOT))]
    apps = () if isinstance(facts.apps, Unseen) else facts.apps
    told = [seen.answering, *(app.answering for app in apps)]
    known = [one for one in told if one is not None]
    other = next((one for one in known if one != seen.pinned), None)
    return [(seen.url, replace(seen, answering=other or next(iter(known), None)))]


def _clock(facts: Facts) -> Subjects[Clock]:
    seen = facts.graph
    return [("Meta", seen if isinstance(seen, Unseen) else seen.clock)]


CHECKS: Final[tuple[AnyCheck, ...]] = (
    Check(
        ROOT,
        "That the Graph API answers from here.",
        "Nothing of Meta's side can be looked at, read, answered or subscribed.",
        _REACH,
        ("graph",),
        _seen,
        judge_answers,
    ),
    Check(
        "graph_version",
        "The end of HOOKLINE_GRAPH_VERSION, and the version that answers (the header "
        "`facebook-api-version`).",
        "Another version answers, in another form.",
        "Set HOOKLINE_GRAPH_VERSION to a later one, for all services.",
        ("graph", "apps"),
        _answering,
        judge_version,
    ),
    Check(
        "clock_graph",
        f"Our clock against Meta's: {clock.ASTRAY.seconds} s are too many, "
        f"{clock.WRONG.seconds} s are red.",
        clock.CONSEQUENCE,
        clock.REPAIR,
        ("graph",),
        _clock,
        clock.judge,
    ),
)
