"""Content lines: how a value becomes text that every calendar program reads the same way.

RFC 5545 §3.1 (lines and folding), §3.3.5 (times) and §3.3.11 (escaping).
"""

import re
from datetime import UTC, date, datetime
from urllib.parse import quote

_NEW_LINES = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Controls other than tab and line feed are not allowed in TEXT; half of a surrogate
# pair cannot be encoded at all.
_FORBIDDEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})
# Everything a URI may hold stays as it is; the rest is percent-encoded.
_URI_CHARACTERS = "%:/?#[]@!$&'()*+,;=~"


def clean(value: str) -> str:
    """``value`` with one kind of line break and without what a calendar file may not hold."""
    return _FORBIDDEN.sub("", _NEW_LINES.sub("\n", value)).strip()


def text_line(name: str, value: str) -> str:
    """A property whose value is TEXT."""
    return fold(f"{name}:{clean(value).translate(_ESCAPES)}")


def uri_line(name: str, value: str) -> str:
    """A property whose value is a URI, which is never escaped and never holds a space."""
    return fold(f"{name}:{quote(clean(value), safe=_URI_CHARACTERS)}")


def quoted(value: str) -> str:
    """The value of a parameter, in quotation marks, of which it can hold none (RFC 5545 §3.2)."""
    words = clean(value).replace('"', "'").split()
    return f'"{" ".join(words)}"'


def fold(line: str) -> str:
    """``line`` in pieces of at most 75 octets, none of which splits a character."""
    if len(line) <= 75 and line.isascii():
        return f"{line}\r\n"
    octets = line.encode()
    pieces = []
    start, room = 0, 75
    while len(octets) - start > room:
        end = start + room
        while octets[end] & 0xC0 == 0x80:  # inside a character: step back to its first octet
            end -= 1
        pieces.append(octets[start:end])
        start, room = end, 74  # the space that marks a continuation is an octet too
    pieces.append(octets[start:])
    return b"\r\n ".join(pieces).decode() + "\r\n"


def utc(moment: datetime) -> str:
    """An instant, as in ``20260603T120000Z``."""
    return f"{_digits(moment.astimezone(UTC))}Z"


def local(moment: datetime) -> str:
    """The wall-clock time of ``moment`` in its own zone, without saying which zone."""
    return _digits(moment)


def day(value: date) -> str:
    return f"{value.year:04}{value.month:02}{value.day:02}"


def _digits(moment: datetime) -> str:
    # Not strftime: it drops the leading zeros of early years on Linux, and is slower.
    return f"{day(moment)}T{moment.hour:02}{moment.minute:02}{moment.second:02}"
