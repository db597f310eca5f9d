"""What a file is, by its bytes. Its name and what the browser says about it prove nothing."""

from __future__ import annotations

LARGEST_BYTES = 5 * 1024 * 1024
# What each kind begins and ends with; a file that only begins right is something else as well.
KINDS: dict[str, tuple[str, bytes, bytes]] = {
    "pdf": ("application/pdf", b"%PDF-", b"%%EOF"),
    "png": ("image/png", b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
    "jpg": ("image/jpeg", b"\xff\xd8\xff", b"\xff\xd9"),
}
# A PDF may be followed by a line end and some padding, a JPEG by a few zero bytes.
_TAIL = 1024


def kind_of(content: bytes) -> str | None:
    """ "pdf", "png" or "jpg"; None for everything else, and for what is cut off."""
    for kind, (_mime, start, end) in KINDS.items():
        if content.startswith(start) and end in content[-_TAIL:]:
            return kind
    return None


def mime_of(kind: str) -> str:
    return KINDS[kind][0]
