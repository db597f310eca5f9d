"""E-mail addresses as people type, paste and forge them."""

from __future__ import annotations

import re
import unicodedata

# Letters of other alphabets that look like Latin ones (Unicode TR 39, the common part).
# A domain written only in these is a disguise; one with others in it is a language.
_LOOKALIKES = frozenset(
    "асеорхуіјѕԁһԛԝӏгвнкмт"  # Cyrillic
    "αονρυικτχεγβ"  # Greek
)
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
_LABEL = re.compile(r"[^\W_]([\w-]{0,61}[^\W_])?\Z")


class NotAnAddress(ValueError):
    """It cannot be an address at all."""


class MixedAlphabets(NotAnAddress):
    """It may pass for another address."""


def normal_address(typed: str) -> str:
    """The one way Greenroom writes an address: NFKC, case folded, nothing invisible in it.

    So that ``Ada@Example.org``, ``ａｄａ@example.org`` and ``ada@example.org`` are one person.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", typed).casefold())
    address = "".join(c for c in folded if unicodedata.category(c) != "Cf").strip()
    address = address.removeprefix("mailto:")
    local, at, domain = address.rpartition("@")
    labels = domain.split(".")
    if any(ord(c) > 127 for c in local) or any(_is_disguised(label) for label in labels):
        raise MixedAlphabets
    is_whole = (
        at
        and len(address) <= 254
        and 0 < len(local) <= 64
        and _LOCAL.match(local)
        and len(labels) >= 2
        and all(_LABEL.match(label) for label in labels)
        and not labels[-1].isdecimal()
    )
    if not is_whole:
        raise NotAnAddress
    return address


def _is_disguised(label: str) -> bool:
    scripts = {_script(c) for c in label if c.isalpha()}
    if len(scripts) > 1:
        return True
    return scripts not in (set(), {"LATIN"}) and all(c in _LOOKALIKES for c in label if c.isalpha())


def _script(letter: str) -> str:
    """The alphabet of a letter, near enough: how its Unicode name begins.

    Japanese mixes three within one word, and Korean and Chinese lend to one another.
    """
    name = unicodedata.name(letter, "").split(" ")[0].removesuffix("-KATAKANA")
    return "EAST ASIAN" if name in {"CJK", "HIRAGANA", "KATAKANA", "HANGUL"} else name
