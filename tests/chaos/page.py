"""The report as one HTML page that needs nothing else. Pure."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from tests.chaos.check import wanted
from tests.chaos.replies.page import section as replies_section
from tests.chaos.timeline import timeline
from tests.chaos.words import KINDS, SERVERS, figure, told, wrong

STYLE: Final = Path(__file__).with_name("page.css").read_text("utf-8")

SUBJECT: Final = """
<p>Meta tells a business about comments, mentions and stories on Instagram by webhooks: HTTP
requests that come once, are repeated for a while when they are not answered, and can never be
fetched again. <b>Hookline</b> receives them, keeps them in Kafka, and turns them into SQL
tables in PostgreSQL. It promises: <b>what was answered with 200 is stored, byte for byte, and
every event is one row</b> &ndash; whatever breaks meanwhile.</p>
<p>This page is a test of that promise on a real installation of its own, made for it: real
Kafka, real PostgreSQL, the same processes that run in production. A program behaved like Meta: it
sent signed deliveries all the time, with duplicates, batches and odd shapes among them, resent
what was not answered with 200, and remembered what was. Meanwhile processes were killed and paused,
connections cut, silenced and slowed, replicas added and removed. Nobody helped: what came back
came back by itself. At the end everything that had been answered with 200 was looked for in the
tables.</p>
<p>What webhooks do not tell &ndash; times, likes, albums, texts of mentions &ndash; Hookline asks
Meta's Graph API for. Here a simulated one answered, failed and was cut off like all the rest; at
the end each row was held against what it had told.</p>
"""


def page(report: Mapping[str, Any]) -> str:
    """A page for a reader who knows nothing of us."""
    title = "The promise was kept" if report["holds"] else "The promise was not kept"
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>Hookline under faults: {title.lower()}</title><style>{STYLE}</style><main>",
        _verdict(report, title),
        _figures(report),
        f"<section><h2>What this is</h2>{SUBJECT}</section>",
        *_stages(report),
        _faults(report),
        _latencies(report),
        _checks(report),
        replies_section(report["replies"]),
        _words(report),
        _again(report),
        "</main></html>",
    ]
    return "\n".join(parts)


def _verdict(report: Mapping[str, Any], title: str) -> str:
    count = len(report["faults"])
    if report["holds"]:
        story = (
            f"{report['acknowledged']:,} deliveries were acknowledged while {count} faults were "
            f"made. All {report['stored']:,} of them are stored, byte for byte. "
            "No event is missing, none is doubled, and nobody lent a hand."
        )
    elif report["stored"] is None:
        story = (
            f"{count} faults were made. The run did not come to its end, so nothing was compared. "
            "What is wrong:"
        )
    else:
        story = (
            f"{report['acknowledged']:,} deliveries were acknowledged while {count} faults were "
            f"made; {report['stored']:,} of them are stored. What is wrong:"
        )
    items = "".join(f"<li>{escape(one)}</li>" for one in wrong(report))
    return (
        f'<header class="{"kept" if report["holds"] else "broken"}"><h1>{title}</h1>'
        f"<p>{story}</p>{f'<ul>{items}</ul>' if items else ''}</header>"
    )


def _figures(report: Mapping[str, Any]) -> str:
    recoveries = _recoveries(report)
    goal_s = report["recovery_goal_s"]
    within = sum(one <= goal_s for one in recoveries)
    faults = len(report["faults"])
    cards = [
        (figure(report["acknowledged"]), "deliveries acknowledged", ""),
        (figure(report["stored"]), "of them stored, byte for byte", ""),
        (figure(report["lost"]), "lost", _grade(report["lost"])),
        (figure(report["doubled"]), "doubled", _grade(report["doubled"])),
        (
            figure(report["dead_letters_unexpected"]),
            f"dead letters but the {figure(report['dead_letters_expected'])} poisoned on purpose",
            _grade(report["dead_letters_unexpected"]),
        ),
        (f"{within} of {faults}", f"faults recovered from within {goal_s:g} s", ""),
        (_seconds(statistics.median(recoveries) if recoveries else None), "median recovery", ""),
        (_seconds(max(recoveries, default=None)), "slowest recovery", ""),
    ]
    told_cards = "".join(
        f'<div class="card {grade}"><b>{count}</b><span>{label}</span></div>'
        for count, label, grade in cards
    )
    return f'<section class="cards">{told_cards}</section>'


def _stages(report: Mapping[str, Any]) -> Iterable[str]:
    first = 1
    for stage in report["stages"]:
        faults = [one for one in report["faults"] if one["servers"] == stage["servers"]]
        yield (
            f"<section><h2>{SERVERS[stage['servers']]}</h2>{_counted(stage)}"
            f'<div class="drawing">{timeline(faults, stage["beats"], first)}</div>'
            '<p class="legend"><i class="fault"></i> fault <i class="recovery"></i> recovery '
            '<i class="answer"></i> a delivery: time to the answer <i class="row"></i> time until '
            "it is in SQL (numbers: the table below)</p>"
            f"{_left_out(stage)}</section>"
        )
        first += len(faults)


def _counted(stage: Mapping[str, Any]) -> str:
    if stage["stored"] is None:
        return "<p>It did not come to its end: nothing was compared.</p>"
    changes, enrichment = stage["changes"], stage["enrichment"]
    done = enrichment.get("done", 0) + enrichment.get("partial", 0)
    return (
        f"<p>{stage['acknowledged']:,} deliveries acknowledged, {stage['stored']:,} stored. "
        f"They held {changes.get('received', 0):,} changes: {changes.get('stored', 0):,} are "
        f"in tables, {changes.get('repeats', 0):,} repeated what was known, "
        f"{changes.get('dead', 0):,} were poison, {changes.get('in_flight', 0):,} have no "
        f"outcome. Of {sum(enrichment.values()):,} comments and mentions, {done:,} hold what the "
        f"Graph API tells about them; the others it does not tell.</p>"
    )


def _left_out(stage: Mapping[str, Any]) -> str:
    told_out = "; ".join(escape(one) for one in stage["left_out"])
    return f"<p>Left out on this machine: {told_out}.</p>" if told_out else ""


def _faults(report: Mapping[str, Any]) -> str:
    goal_s = report["recovery_goal_s"]
    rows = "".join(
        _fault_row(number, fault, goal_s) for number, fault in enumerate(report["faults"], start=1)
    )
    return (
        "<section><h2>Faults, and how long each was felt</h2>"
        "<p>Recovery is the time from the moment when what was hit is there again &ndash; the "
        "process restarted, the server or the connection back &ndash; until a dozen fresh "
        "deliveries, sent then, are all acknowledged, archived and in their tables. "
        f"The goal is {goal_s:g} s. A killed worker's share of the work goes to another after "
        "6 s of silence: that is most of what a kill takes. Of two at once, the one that is "
        "over first waits for the other: its recovery includes that.</p>"
        '<table><thead><tr><th class="n">#<th>servers<th>at<th>fault<th class="n">lasted'
        '<th class="n">recovery<th class="bar"></tr></thead>'
        f"<tbody>{rows}</tbody></table></section>"
    )


def _fault_row(number: int, fault: Mapping[str, Any], goal_s: float) -> str:
    recovery_s = fault["recovery_s"]
    met = recovery_s is not None and recovery_s <= goal_s
    together = ' <span class="pair">two at once</span>' if fault["together"] else ""
    share = min((recovery_s or 0) / goal_s, 1.5) / 1.5 * 100
    return (
        f'<tr><td class="n">{number}<td>{fault["servers"]}<td>{_clock(fault["at"])}'
        f'<td>{escape(told(fault))}{together}<td class="n">{_seconds(fault["lasted_s"])}'
        f'<td class="n {"" if met else "late"}">{_seconds(recovery_s)}'
        f'<td class="bar"><i class="{"" if met else "late"}" style="width:{share:.0f}%"></i></tr>'
    )


def _latencies(report: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{when}<td>{what}{''.join(_cell(_duration(told_ms[one])) for one in QUANTILES)}"
        for when, name in (("between the faults", "latency_calm_ms"), ("all", "latency_ms"))
        for what, told_ms in (
            ("request to answer", report[name]["answer"]),
            ("request to row in SQL", report[name]["row"]),
        )
    )
    heads = "".join(f'<th class="n">{one}' for one in QUANTILES.values())
    return (
        "<section><h2>Latency of single deliveries</h2>"
        "<p>Measured from the first request, resends included, by a client on the same machine, "
        "which runs all servers, all services and the test itself.</p>"
        f"<table><thead><tr><th>when<th>what{heads}</tr></thead><tbody>{rows}</tbody></table>"
        "</section>"
    )


QUANTILES: Final = {"p50": "half within", "p90": "90 %", "p99": "99 %", "max": "all"}


def _checks(report: Mapping[str, Any]) -> str:
    stages = report["stages"]
    heads = "".join(f'<th class="n">{stage["servers"]}' for stage in stages)
    names = list(dict.fromkeys(check["name"] for stage in stages for check in stage["checks"]))
    rows = "".join(
        f"<tr><td>{escape(name)}{''.join(_check_cells(stages, name))}</tr>" for name in names
    )
    verbs = dict.fromkeys(verb["command"] for stage in stages for verb in stage["verbs"])
    rows += "".join(
        f"<tr><td><code>{escape(verb)}</code>{''.join(_verb_cells(stages, verb))}</tr>"
        for verb in verbs
    )
    return (
        "<section><h2>What was checked at the end</h2>"
        "<p>With SQL, against what the sender knows by rules of its own. Bodies are compared by "
        "the SHA-256 that PostgreSQL computes of the archived bytes. A resend whose first answer "
        "was lost on the way may be archived twice; its events are still one row each.</p>"
        f"<table><thead><tr><th>found (of those expected){heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table></section>"
    )


def _check_cells(stages: Sequence[Mapping[str, Any]], name: str) -> Iterable[str]:
    for stage in stages:
        check = next((one for one in stage["checks"] if one["name"] == name), None)
        if check is None:
            yield _cell("&ndash;")
        elif check["holds"]:
            of = f" of {wanted(check)}" if check["expected"] else ""
            yield _cell(f"{check['found']:,}{of}", "good")
        else:
            yield _cell(f"{check['found']:,} instead of {wanted(check)}", "late")


def _verb_cells(stages: Sequence[Mapping[str, Any]], command: str) -> Iterable[str]:
    for stage in stages:
        verb = next((one for one in stage["verbs"] if one["command"] == command), None)
        if verb is None:
            yield _cell("&ndash;")
        else:
            yield _cell(*(("holds", "good") if verb["holds"] else ("does not hold", "late")))


def _words(report: Mapping[str, Any]) -> str:
    kinds = sorted({fault["kind"] for fault in report["faults"]})
    terms = "".join(f"<dt>{kind}<dd>{escape(KINDS[kind])}" for kind in kinds)
    return f"<section><h2>The kinds of faults</h2><dl>{terms}</dl></section>"


def _again(report: Mapping[str, Any]) -> str:
    facts = {**report["versions"], **report["machine"]}
    told_facts = ", ".join(f"{escape(name)} {escape(value)}" for name, value in facts.items())
    return (
        "<section><h2>To see it yourself</h2>"
        f"<pre>make prove MINUTES={report['minutes']:g} SEED={report['seed']}</pre>"
        "<p>The seed gives the same faults in the same order, with the same traffic. How fast each "
        "process comes back differs from run to run, so the moments shift a little. The numbers "
        "of this page, and more, are in <code>prove-report.json</code>.</p>"
        f'<p class="facts">Begun {escape(report["begun"])}, took {report["took_s"] / 60:.1f} '
        f"minutes, {report['rate_per_s']:g} new deliveries a second. {told_facts}.</p></section>"
    )


def _recoveries(report: Mapping[str, Any]) -> list[float]:
    return [one["recovery_s"] for one in report["faults"] if one["recovery_s"] is not None]


def _cell(text: str, grade: str = "") -> str:
    return f'<td class="n {grade}">{text}'


def _grade(count: int | None) -> str:
    return "good" if count == 0 else "bad"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _seconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"


def _duration(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "&ndash;"
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"
