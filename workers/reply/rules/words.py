"""Words as people write them, in any script, so that they can be compared. Pure."""

import unicodedata
from typing import Final, NamedTuple

import regex

MAX_TEXT: Final = 4_000
"""Characters of a text that are looked at; Instagram's own limit is 2,200."""

_WITHOUT_SPACES: Final = "".join(
    rf"\p{{Script_Extensions={script}}}"
    for script in (
        *("Han", "Hiragana", "Katakana", "Bopomofo", "Hangul"),
        *("Thai", "Lao", "Khmer", "Myanmar", "Tibetan", "New_Tai_Lue", "Tai_Tham", "Yi"),
    )
)
"""Scripts whose words nothing divides, and Korean, which appends particles to its words."""

# A word of letters, marks and digits; else one character as people see it, an emoji for example.
_PART: Final = regex.compile(
    rf"(?V1)[[\p{{L}}\p{{M}}\p{{N}}\p{{Pc}}]--[{_WITHOUT_SPACES}]]+|(?![\s\p{{Cc}}])\X"
)

# What is not seen, and colours of skin. The joiner stays where it joins emoji to another one. So
# many capitals lose their mark: İ is the capital of Turkish i, ΄ is not written above capitals.
_DROPPED: Final = regex.compile(
    r"(?V1)[\p{Default_Ignorable_Code_Point}--\u200d]|\p{Emoji_Modifier}"
    r"|(?<!\p{Extended_Pictographic}[\ufe0f\p{Emoji_Modifier}]?)\u200d"
    r"|(?<=i)\u0307|(?<=\p{Script=Greek})\u0301"
)

# Meta takes `@` out of texts that are not ours, so it may be there or not.
_SAME: Final = str.maketrans({"@": " ", "ı": "i", "’": "'", "ʼ": "'"})


class Word(NamedTuple):
    """A word to be looked for, or several in a row; as told, and as `parts` has it."""

    told: str
    parts: str

    @classmethod
    def parse(cls, told: object) -> "Word":
        """The word in a rules file. Raises ValueError if it is none."""
        if not isinstance(told, str):
            raise ValueError("must be text")  # noqa: TRY004  # pydantic's own error, as all others
        made = parts(told)
        if not made.strip():
            raise ValueError("has nothing in it to look for")
        return cls(told, made)


def parts(text: str) -> str:
    """The words of a text, folded, with one space around each: one is in another if it is there.

    Whatever is written in another case, form or font is the same: `STRASSE` and `straße`, `é` of
    one character or two, `İ` and `i`, `𝓯𝓪𝓷𝓬𝔂`, a thumb of any colour. `é` is not `e`. In scripts
    without spaces each character is a part, so words are found anywhere.
    """
    folded = unicodedata.normalize("NFKD", text[:MAX_TEXT]).casefold()
    folded = _DROPPED.sub("", unicodedata.normalize("NFKD", folded)).translate(_SAME)
    return f" {' '.join(_PART.findall(unicodedata.normalize('NFC', folded)))} "
