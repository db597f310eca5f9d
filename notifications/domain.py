"""What a mail is made of. Pure; no database."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from html import escape

URL = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)]")


@dataclass(frozen=True)
class Attachment:
    """A file in a mail. Its name must be neutral: it shows on a lock screen."""

    file_name: str
    content_type: str
    content: bytes

    @property
    def is_scheduling(self) -> bool:
        """Whether a calendar program is meant to act on it: an invitation, or its end."""
        return self.content_type.startswith("text/calendar; method=")

    def to_json(self) -> dict[str, str]:
        return {
            "file_name": self.file_name,
            "content_type": self.content_type,
            "content": b64encode(self.content).decode(),
        }

    @classmethod
    def from_json(cls, data: dict[str, str]) -> Attachment:
        return cls(data["file_name"], data["content_type"], b64decode(data["content"]))


def tidy(text: str) -> str:
    """Plain text as it is sent: no trailing blanks, never more than one blank line."""
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines)


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of a plain text, for the HTML part: either one link alone, or some HTML."""

    html: str
    url: str = ""


def paragraphs(text: str) -> list[Paragraph]:
    """The paragraphs of ``text``, escaped, with bare addresses made into links."""
    found = []
    for block in tidy(text).split("\n\n"):
        if URL.fullmatch(block.strip()):
            found.append(Paragraph(html=escape(block.strip()), url=block.strip()))
        else:
            found.append(Paragraph(html=_linked(block)))
    return found


def _linked(block: str) -> str:
    parts, end = [], 0
    for match in URL.finditer(block):
        url = escape(match.group())
        parts += [escape(block[end : match.start()]), f'<a href="{url}">{url}</a>']
        end = match.end()
    parts.append(escape(block[end:]))
    return "".join(parts).replace("\n", "<br>\n")
