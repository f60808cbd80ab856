"""What invented people write. Owns texts in many scripts, with the characters that break things."""

from typing import Final

COMMENTS: Final[tuple[str, ...]] = (
    "This is lovely, where can I order it?",
    "price?",
    "🔥🔥🔥",
    "Sooo schön! Gibt es das auch in Größe 38? 😍",
    "Ça existe en bleu ? J'adore déjà ❤️",
    "¿Hacéis envíos a Canarias? ¡Qué pasada!",
    "Que coisa linda, já quero um 😭🙌",
    "Quanto costa la spedizione? È bellissimo…",
    "Mooi hoor! Wanneer weer op voorraad?",
    "Piękne! Czy wysyłacie też do Łodzi?",
    "Skvělé, kdy přijede další várka? 🇨🇿",
    "Çok güzel olmuş, fiyatı nedir? 🧿",
    "Очень красиво! Сколько стоит доставка?",
    "Дуже гарно 💙💛",
    "Πολύ όμορφο, μπράβο σας! 👏",
    "ما شاء الله، كم السعر؟ 🌙",
    "כמה עולה המשלוח? מהמם 😍",
    "बहुत सुंदर! क्या यह दिल्ली में मिलेगा? 🙏",
    "কী সুন্দর! দাম কত?",
    "அருமை! விலை என்ன?",
    "สวยมากเลยค่ะ ราคาเท่าไหร่คะ 🥰",
    "Đẹp quá shop ơi, còn hàng không ạ?",
    "可爱い!これはどこで買えますか?✨",
    "好漂亮!請問多少錢? 🤩",
    "예뻐요! 배송비는 얼마예요? 🫶",
    "👩‍👩‍👧‍👦 the whole family wants one 👍🏽",
    "🏴󠁧󠁢󠁳󠁣󠁴󠁿 shipping to Glasgow?",
    "Z̴a̸l̵g̷o̶ would approve",
    "first line\nsecond line\n\tand a tab",
    'He said "wow" \\o/ <3 50% off @brand #sale',
    "e\u0301 is not é, and ﬁ is one character",
    "\u202eright to left override\u202c",
    "zero\u200bwidth\u200djoin \ufeff",
    "http://example.com/?a=1&b=2#c",
    "'; DROP TABLE comments; --",
    '=HYPERLINK("http://example.com")',
    " ",
    "1",
    "null",
    "𝓯𝓪𝓷𝓬𝔂 𝕥𝕖𝕩𝕥 ✍️",
)
"""Short comments: questions, praise and the odd trap, in two dozen languages."""

MESSAGES: Final[tuple[str, ...]] = (
    "Hi! Is this still available?",
    "Merci beaucoup 🙏",
    "ありがとうございます",
    "Wann kommt mein Paket an? Bestellung Nº 1042 📦",
    "شكرا جزيلا",
    "ok 👌🏿",
)

REPLIES: Final[tuple[str, ...]] = (
    "Thank you! ❤️",
    "We have sent you a message 📩",
    "Danke dir! Ab Freitag wieder da.",
    "¡Gracias! El enlace está en la bio.",
    "ありがとうございます!",
)
"""What accounts write under their own media."""

AD_TITLES: Final[tuple[str, ...]] = (
    "Summer drop ☀️",
    "Nur diese Woche: 20 % Rabatt",
    "新作コレクション",
    "Free shipping over 50 €",
)

CAPTIONS: Final[tuple[str, ...]] = (
    "New in: the summer collection ☀️",
    "Behind the scenes with the team 🎬",
    "Endlich wieder da! Ab heute im Laden und online.",
    "Gagnez un sac : commentez avant dimanche 🎁",
    "新商品が届きました✨",
    "¿Cuál es tu favorito, 1 o 2?",
    "Made by hand, one at a time.",
    'Rule no. 1: "never" skip breakfast 🥐 #morning',
)
"""What accounts write with their media."""

MENTIONS: Final[tuple[str, ...]] = (
    "{account} challenge?",
    "{account} have you seen this? 😍",
    "Das wäre doch was für {account}!",
    "{account} 👏👏👏",
    "Regarde {account}, c'est exactement ça",
    "{account} これ見て!",
    "everything here is from {account} 🧡",
)
"""What others write when they name an account; `@` is not told to those who do not own the media.

Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/mentioned_comment
"""
