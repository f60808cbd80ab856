"""The report: a page that stands alone, and tells what is wrong where something is."""

import json
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

from tests.chaos.meta import Beat
from tests.chaos.operators import Answer
from tests.chaos.page import page
from tests.chaos.replies.run import Proof
from tests.chaos.replies.verdict import Event, Found, Row, Written, judge_day
from tests.chaos.replies.verdict import judge as judge_replies
from tests.chaos.report import Run, calm, document
from tests.chaos.run import Hit, Stage
from tests.chaos.schedule import Fault, Kind
from tests.chaos.verdict import Sent, Stored, judge

RUN = Run(7, 1.5, 40, "2026-11-23T00:00:00+00:00", 90.0, {"Hookline": "0"}, {"cores": "2"})


def _hit(kind: Kind, target: str, at_s: float, recovered_s: float | None) -> Hit:
    fault = Fault(at_s, kind, target, 1.0, dependency=False)
    return Hit(fault, target, at_s, at_s + 1, recovered_s, together=False)


def _stage(stored: Stored | None = None) -> Stage:
    stage = Stage("embedded")
    stage.verdict = judge(Sent([], [], frozenset(), Counter()), stored or Stored())
    stage.hits = [_hit(Kind.KILL, "persist", 10, 14), _hit(Kind.CUT, "kafka-2", 20, 31.5)]
    stage.beats = [Beat(5, 5.1, 5.2), Beat(8.5, 8.6, 14), Beat(16, 16.2, 16.3), Beat(20, None)]
    stage.answers = [Answer("hookline audit", 0, "")]
    return stage


def _proof(doubled: int = 0) -> Proof:
    """Of one mention, answered once, or more often."""
    event = Event("mentions:1:18:179", "1", "179", "thanks")
    written = [Written("1", "179", "177")] * (1 + doubled)
    rows = [Row("k", event.event_id, "thanks", "1", "179", "sent", None, "177", False, "k")]
    found = Found(written, rows)
    return Proof(judge_replies([event], found), judge_day([event], found, 3, 0, 1, 8))


def test_the_document_has_what_the_contract_names() -> None:
    """Names of design B8; integers for counts, seconds for recoveries, JSON throughout."""
    told = json.loads(json.dumps(document(RUN, [_stage()])))
    for name in ("acknowledged", "stored", "lost", "doubled", "dead_letters_unexpected"):
        assert told[name] == 0
    assert told["seed"] == 7
    assert told["versions"] == {"Hookline": "0"}
    assert [
        (fault["kind"], fault["target"], fault["at"], fault["recovery_s"])
        for fault in told["faults"]
    ] == [("kill", "persist", 10, 3), ("cut", "kafka-2", 20, 10.5)]
    assert told["latency_ms"]["row"]["max"] == 5500
    assert told["latency_calm_ms"]["row"]["max"] == 300
    assert told["holds"] is True


def test_the_page_tells_how_many_rows_are_enriched() -> None:
    """Of comments and mentions together, whatever holds the others up."""
    told = document(RUN, [_stage()])
    told["stages"][0]["enrichment"] = {"done": 1200, "partial": 1, "pending": 30}
    assert "Of 1,231 comments and mentions, 1,201 hold what the Graph API tells" in page(told)


def test_calm_is_what_met_no_fault() -> None:
    """A delivery shortly before a fault may still meet it; after the recovery it is calm again."""
    assert [beat.sent_s for beat in calm(_stage())] == [5, 16]


def test_nothing_run_is_nothing_proven() -> None:
    """No stage, no promise kept."""
    assert document(RUN, [])["holds"] is False


def test_what_was_not_compared_has_no_counts() -> None:
    """A run that did not come so far knows of nothing lost, which is not that nothing is lost."""
    stuck = Stage("cluster", problems=["the sender did not come to an end"])
    told = json.loads(json.dumps(document(RUN, [_stage(), stuck])))
    for name in ("acknowledged", "stored", "lost", "doubled", "dead_letters_unexpected"):
        assert told[name] is None
        assert told["stages"][0][name] == 0
        assert told["stages"][1][name] is None
    assert told["holds"] is False
    text = page(told)
    assert "nothing was compared" in text
    assert '<div class="card bad"><b>unknown</b><span>lost</span></div>' in text


def test_the_page_needs_nothing_else() -> None:
    """No script, no link, no image: it can be sent as one file."""
    found: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append(tag)
            assert not {name for name, _ in attrs} & {"src", "href"}

    text = page(document(RUN, [_stage()], _proof()))
    Tags().feed(text)
    assert not {"script", "link", "img", "iframe"} & set(found)
    assert "http" not in text.replace("HTTP", "")
    assert "The promise was kept" in text
    assert "make prove MINUTES=1.5 SEED=7" in text
    assert "worker persist: killed" in text


def test_the_page_says_what_is_wrong() -> None:
    """Something lost, a verb that says no, and a line that was stuck are on top."""
    stage = _stage(Stored(gaps=2, bodies=Counter({"f" * 64: 1})))
    stage.problems = ["no recovery in 90 s from kill <persist>"]
    stage.answers = [Answer("hookline audit", 1, "…")]
    stage.hits[0] = replace(stage.hits[0], recovered_s=None)
    told = document(RUN, [stage])
    text = page(told)
    assert told["holds"] is False
    assert "The promise was not kept" in text
    assert "no recovery in 90 s from kill &lt;persist&gt;" in text
    assert "offset ranges lost in Kafka: 2 (should be 0)" in text
    assert "hookline audit ended with code 1" in text
    assert "0 of 2" in text
    assert "never" in text


def test_answers_are_a_part_of_it() -> None:
    """What holds alone does not hold together with answers given twice, which are told."""
    told = json.loads(json.dumps(document(RUN, [_stage()], _proof())))
    assert told["holds"] is True
    assert told["replies"]["states"] == {"sent": 1}
    assert (told["replies"]["doubled"], told["replies"]["day"]["came_back"]) == (0, 3)
    assert "Answers, each once at most" in page(told)
    told = document(RUN, [_stage()], _proof(doubled=1))
    assert told["holds"] is False
    assert "Answers: answers beyond the first of an event: 1 (should be 0)" in page(told)
    without = document(RUN, [_stage()])
    assert without["replies"] is None
    assert "Answers" not in page(without)


def test_answers_alone_can_hold() -> None:
    """Where nothing else was asked for; what was not compared does not."""
    assert document(RUN, [], _proof())["holds"] is True
    stuck = document(RUN, [], Proof(problems=["3 answers are due for 90 s"]))
    assert stuck["holds"] is False
    assert "not everything was compared" in page(stuck)
