"""What subscriptions tell a person to do."""

from typing import Final, get_args

import pytest

from graph import subscribing
from graph.errors import APP_SECRET_WRONG, NOT_DONE, GraphError, judge
from graph.pages import Page
from graph.subscribing import PageCheck, Refusal
from graph.subscriptions import Problem
from hookline.subscriptions.page import advice

PAGE: Final = Page("178", "brand", "1", "17", None)

OURS: Final = [one for one in vars(subscribing).values() if isinstance(one, Refusal)]
METAS: Final = [
    APP_SECRET_WRONG,
    NOT_DONE,
    *(judge(GraphError(code), 400) for code in (1, 3, 10, 100, 102, 190, 200, 368, 803, 2200)),
]
REFUSALS: Final = [
    *map(Refusal, ("no_page", "app_secret_missing", "vault_key_missing", *get_args(Problem))),
    *OURS,
    *(Refusal(one.reason, passes=one.passes) for one in METAS),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.reason)
def test_whatever_does_not_pass_by_itself_has_advice(refusal: Refusal) -> None:
    """Nobody is left alone with a slug."""
    told = advice(PageCheck(PAGE, None, refusal))
    assert (told is None) == refusal.passes


@pytest.mark.parametrize("refusal", OURS, ids=lambda refusal: refusal.reason)
def test_our_own_reasons_have_advice_of_their_own(refusal: Refusal) -> None:
    """Meta's Explorer knows nothing of them that is not said here."""
    assert advice(PageCheck(PAGE, None, refusal)) != advice(PageCheck(PAGE, None, Refusal("x")))
