"""The readable text of an HTML page, with its links."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urljoin

_HIDDEN = frozenset({"script", "style", "noscript", "template", "svg", "head"})
_BLOCK = re.compile(
    r"address|article|aside|blockquote|br|dd|div|dl|dt|footer|form|h[1-6]|header|hr|li|main|nav|ol|p|pre|section|table|td|th|tr|ul"
)


class _Reader(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__(convert_charrefs=True)
        self.base = base
        self.pieces: list[str] = []
        self._hidden: list[str] = []
        self._link: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden.append(tag)
        elif _BLOCK.fullmatch(tag):
            self.pieces.append(" | " if tag in ("td", "th") else "\n")
        elif tag == "body":
            self._hidden.clear()  # a head that nobody closed
        elif tag == "a":
            self._link = dict(attrs).get("href")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            del self._hidden[self._hidden.index(tag) :]
        elif _BLOCK.fullmatch(tag):
            self.pieces.append("\n" if tag not in ("td", "th") else "")
        elif tag == "a" and self._link:
            if not self._link.startswith(("#", "javascript:")):
                self.pieces.append(f" <{_absolute(self.base, self._link)}>")
            self._link = None

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(re.sub(r"\s+", " ", data))


def page_text(html: str, base: str) -> str:
    """One line a block, links as `text <address>`; scripts, styles and the head are left out."""
    reader = _Reader(base)
    reader.feed(html)
    reader.close()
    lines = (line.strip(" |") for line in "".join(reader.pieces).splitlines())
    return "\n".join(line for line in lines if line)


def _absolute(base: str, link: str) -> str:
    try:
        return urljoin(base, link)
    except ValueError:
        return link
