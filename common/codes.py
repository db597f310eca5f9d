"""Codes that people read aloud: Crockford's Base32 with a check symbol.

A code is 13 random symbols (65 bits, past the 64 bits under which NIST SP 800-63B
asks for a limit on guesses; we limit them all the same) and one check symbol, the
value modulo 37. Crockford gives the remainders 32 to 36 punctuation marks; a code
that would need one is drawn again, so that every symbol can be said on the phone.

Modulo 37 is a prime above the base, so one wrong symbol, or two neighbours
swapped, always changes the check.
"""

import secrets

SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 14
_VALUES = {symbol: value for value, symbol in enumerate(SYMBOLS)}
_READ_AS = str.maketrans("ILO", "110", "- \u2010\u2011\u2012\u2013\u2014\u00a0\t\r\n")
_CHECK_MODULUS = 37


class BadCode(ValueError):
    """What was typed cannot be a code: a symbol is wrong, missing or swapped."""


def new_code() -> str:
    """A code nobody can guess: 13 random symbols and their check symbol."""
    while True:
        body = "".join(secrets.choice(SYMBOLS) for _ in range(LENGTH - 1))
        check = _remainder(body)
        if check < len(SYMBOLS):
            return body + SYMBOLS[check]


def read_code(text: str) -> str:
    """The code in ``text``, however it was typed: any case, I and L for 1, O for 0, hyphens.

    Raises BadCode when the symbols or the check do not fit, which costs no look-up.
    """
    code = text.upper().translate(_READ_AS)
    if len(code) != LENGTH or any(symbol not in _VALUES for symbol in code):
        raise BadCode
    if _remainder(code[:-1]) != _VALUES[code[-1]]:
        raise BadCode
    return code


def show_code(code: str) -> str:
    """The code in groups, as it is printed: ``ABCDE-FGHJK-MNPQ``."""
    return "-".join((code[:5], code[5:10], code[10:]))


def new_reference(length: int = 8) -> str:
    """A short random name for a thing people talk about. It opens nothing by itself."""
    return "".join(secrets.choice(SYMBOLS) for _ in range(length))


def _remainder(symbols: str) -> int:
    value = 0
    for symbol in symbols:
        value = value * len(SYMBOLS) + _VALUES[symbol]
    return value % _CHECK_MODULUS
