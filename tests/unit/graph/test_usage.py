"""What headers tell of the limits, and what they cannot make us believe."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from graph.usage import LONGEST_WAIT, Usage, greatest, usage_of

NAMES = ["X-App-Usage", "X-Business-Use-Case-Usage", "X-Page-Usage", "Retry-After"]
METRICS = ["call_count", "total_cputime", "total_time"]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*METRICS, "type", "estimated_time_to_regain_access", "1784"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)
headers = st.dictionaries(st.sampled_from(NAMES), st.text() | values.map(json.dumps))
usages = st.builds(
    Usage,
    st.none() | st.floats(0, 200),
    st.none() | st.floats(0, 200),
    st.none() | st.timedeltas(timedelta(0), LONGEST_WAIT),
    st.none() | st.timedeltas(timedelta(0), LONGEST_WAIT),
)


def _of(**told: str) -> Usage:
    return usage_of(CIMultiDict({name.replace("_", "-"): told[name] for name in told}))


def test_the_documented_forms() -> None:
    """As an operator saw them on one day."""
    assert _of(x_app_usage='{"call_count":12,"total_cputime":0,"total_time":3}') == Usage(12.0)
    business = (
        '{"17841400000000001":[{"type":"instagram","call_count":1,"total_cputime":1,'
        '"total_time":1,"estimated_time_to_regain_access":0}]}'
    )
    assert _of(x_business_use_case_usage=business) == Usage(account_percent=1.0)


def test_the_greatest_counts() -> None:
    """Of several metrics, ids and kinds; a read may be told under two ids."""
    entries = [
        {"type": "instagram", "call_count": 40, "total_cputime": 95, "total_time": 7},
        {"type": "pages", "call_count": 41, "estimated_time_to_regain_access": 7},
    ]
    business = {"1": entries, "2": [{"total_time": 96, "estimated_time_to_regain_access": 19}]}
    told = _of(x_business_use_case_usage=json.dumps(business))
    assert told == Usage(account_percent=96.0, regain=timedelta(minutes=19))


def test_minutes_of_nought_are_not_told() -> None:
    """They say that calls are not refused now: seen at 95 %."""
    entry = {"call_count": 95, "estimated_time_to_regain_access": 0}
    told = _of(x_business_use_case_usage=json.dumps({"1": [entry]}))
    assert told == Usage(account_percent=95.0)


def test_the_older_header_of_pages() -> None:
    """More than a hundred occurs."""
    told = _of(x_page_usage='{"call_count":855,"total_cputime":202,"total_time":911}')
    assert told == Usage(account_percent=911.0)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("0", None),
        ("-5", None),
        ("1e3", None),
        ("٣", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("999999999", LONGEST_WAIT),
        ("9" * 5000, None),
    ],
)
def test_retry_after(header: str, wait: timedelta | None) -> None:
    """In seconds, at most a day."""
    assert _of(retry_after=header).retry_after == wait


def test_a_percentage_beyond_reason_is_cut() -> None:
    """It could not even be a float."""
    assert _of(x_app_usage='{"call_count":' + "9" * 400 + "}").app_percent == 1_000_000.0


@given(headers)
def test_no_header_raises(told: dict[str, str]) -> None:
    """Whatever it holds, a percentage is a number and a wait is bounded."""
    usage = usage_of(CIMultiDict(told))
    for percent in (usage.app_percent, usage.account_percent):
        assert percent is None or 0 <= percent <= 1_000_000
    for wait in (usage.regain, usage.retry_after):
        assert wait is None or timedelta(0) < wait <= LONGEST_WAIT


@pytest.mark.parametrize(
    "header",
    ["", "{", "[]", "null", "NaN", '{"call_count":true}', '{"call_count":"12"}',
     '{"call_count":-1}', '{"call_count":1e400}', '{"call_count":' + "9" * 5000 + "}",
     "[" * 5000, "\udcff", '{"call_count":null,"total_time":{}}'],
)  # fmt: skip
def test_what_makes_no_sense_is_not_told(header: str) -> None:
    """In either place."""
    assert _of(x_app_usage=header).app_percent is None
    assert _of(x_business_use_case_usage=f'{{"1":[{header}]}}').account_percent is None
    assert _of(x_business_use_case_usage=header) == Usage()


@given(st.lists(usages, max_size=5))
def test_the_greatest_of_several(told: list[Usage]) -> None:
    """Member by member, in any order."""
    together = greatest(told)
    assert together == greatest(reversed(told))
    for name in ("app_percent", "account_percent", "regain", "retry_after"):
        values = [getattr(usage, name) for usage in told if getattr(usage, name) is not None]
        assert getattr(together, name) == max(values, default=None)
