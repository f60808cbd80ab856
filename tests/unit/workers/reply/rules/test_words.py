"""Words are found however people write them, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.texts import COMMENTS
from tests.unit.workers.reply.rules.factories import texts
from workers.reply.rules.words import MAX_TEXT, Word, parts


def _finds(word: str, text: str) -> bool:
    return Word.parse(word).parts in parts(text)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("challenge", "A CHALLENGE!"),
        ("challenge", "#challenge"),
        ("straße", "HAUPT STRASSE"),
        ("STRASSE", "straße"),
        ("straße", "STRAẞE"),
        ("istanbul", "İSTANBUL"),
        ("İstanbul", "istanbul'da"),
        ("kız", "KIZ"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("πολύ", "ΠΟΛΥ"),
        ("caf\u00e9", "cafe\u0301"),
        ("đẹp", "Đẹp quá"),
        ("fancy", "𝓯𝓪𝓷𝓬𝔂"),
        ("sale", "ＳＡＬＥ"),
        ("file", "ﬁle"),
        ("don't", "I don’t"),
        ("win", "w\u200bi\u00adn"),
        ("win", "w\u200din"),
        ("می‌خواهم", "میخواهم"),
        ("happy birthday", "Happy\n  Birthday, dear"),
        ("@brand", "thanks brand"),
        ("brand", "thanks @brand"),
        ("❤", "I ❤️ it"),
        ("❤️", "❤❤❤"),
        ("👍", "👍🏽"),
        ("👍🏿", "👍"),
        ("🇩🇪", "🇫🇷🇩🇪"),
        ("👩‍🚀", "look:👩‍🚀!"),
        ("チャレンジ", "夏チャレンジしたい"),
        ("多少", "請問多少錢?"),
        ("สวย", "ไม่สวยมาก"),
        ("챌린지", "챌린지를"),
        ("手机", "iPhone手机2026"),
        ("iphone", "买iPhone手机"),
        ("सुंदर", "बहुत सुंदर!"),
    ],
)
def test_found(word: str, text: str) -> None:
    """In any case, form and script."""
    assert _finds(word, text)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("win", "winter"),
        ("win", "darwin"),
        ("win", "win_win"),
        ("win", "win2"),
        ("#win", "win"),
        ("cafe", "café"),
        ("happy birthday", "happy, birthday"),
        ("👩", "👩‍🚀"),
        ("❤", "❤️‍🔥"),
        ("🇩🇪", "🇮🇩🇪🇸"),
        ("ส", "สั"),
        ("क", "कि"),
        ("1", "1️⃣"),
        ("win", ""),
    ],
)
def test_not_found(word: str, text: str) -> None:
    """Not within another word, letter or emoji."""
    assert not _finds(word, text)


@pytest.mark.parametrize("nothing", ["", " ", "@", "\u200b", "\n\t", 5, None])
def test_a_word_of_nothing(nothing: object) -> None:
    """Would be in every text."""
    with pytest.raises(ValueError, match=r"\w"):
        Word.parse(nothing)


@given(texts | st.sampled_from(COMMENTS))
def test_any_text_has_parts(text: str) -> None:
    """And what was folded stays as it is."""
    made = parts(text)
    assert made.startswith(" ")
    assert made.endswith(" ")
    assert parts(made).split() == made.split()


@given(st.sampled_from(COMMENTS), texts, texts)
def test_a_word_is_found_between_others(word: str, before: str, after: str) -> None:
    """Whatever stands around it, as long as something divides them."""
    made = parts(word)
    if made.strip():
        assert made in parts(f"{before}\n{word}\n{after}")


@given(st.text(st.characters(categories=["Ll", "Lu", "Lt"]), min_size=1, max_size=20))
def test_case_is_nothing(word: str) -> None:
    """In whatever alphabet."""
    assert parts(word) == parts(word.casefold())
    assert parts(word.upper()) == parts(word.upper().casefold())


def test_a_long_text_is_cut() -> None:
    """Nothing behind what Instagram lets people write counts."""
    assert _finds("end", "x " * 1000 + "end")
    assert not _finds("end", "x" * MAX_TEXT + " end")
