"""Pages of the documentation as the tests see them: fenced blocks, what a comment before a block asks for, commands.

    <!-- run -->            the next `console` block is executed; commands begin with `$ `, the rest is output
    <!-- run exit=1 -->     its last command must exit with 1 (the others with 0)
    <!-- run check -->      each output line that is shown must be printed; `…` stands for anything

A block with a title, ```toml title="suite.toml", is a file: it is written before the blocks that follow it run. All blocks of a
page run in one directory, in order.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]*) *(?P<info>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_DIRECTIVE = re.compile(r"<!-- run(?P<words>[^>]*)-->\s*\Z")


@dataclass(frozen=True)
class Block:
    """A fenced block. `run` tells whether a comment asks to execute it, `exit` how its last command must end."""

    page: Path
    line: int
    language: str
    text: str
    title: str | None
    run: bool
    exit: int = 0
    check: bool = False

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass
class Command:
    """One command of a console block and the output that stands below it."""

    text: str
    output: list[str] = field(default_factory=list)


def pages() -> list[Path]:
    """Every page for people."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text()
    found = []
    for fence in _FENCE.finditer(text):
        directive = _DIRECTIVE.search(text[: fence.start()])
        words = directive["words"].split() if directive else []
        title = re.search(r'title="([^"]+)"', fence["info"])
        body = re.sub(rf"^{fence['indent']}", "", fence["text"], flags=re.MULTILINE)
        code = next((int(w.removeprefix("exit=")) for w in words if w.startswith("exit=")), 0)
        line = text.count("\n", 0, fence.start()) + 1
        name = title[1] if title else None
        found.append(Block(page, line, fence["language"], body, name, directive is not None, code, "check" in words))
    return found


def commands(block: Block) -> list[Command]:
    """The commands of a console block; a line that ends in a backslash goes on in the next one."""
    found: list[Command] = []
    goes_on = False
    for line in block.text.splitlines():
        if goes_on:
            found[-1].text += "\n" + line
        elif line.startswith("$ "):
            found.append(Command(line[2:]))
        elif found and line.strip():
            found[-1].output.append(line)
        goes_on = (goes_on or line.startswith("$ ")) and line.endswith("\\")
    return found


def tripos_calls(command: str) -> list[list[str]]:
    """The arguments of each call of tripos in a shell line."""
    plain = re.sub(r"\$\([^()]*\)", "X", command.replace("\\\n", " "))  # what another command prints is one word
    words = shlex.split(plain, comments=True)
    calls, current = [], None
    for word in words:
        if current is not None and word in ("|", "||", "&&", ";", "&", ">", "2>"):
            current = None
        elif current is not None:
            current.append(word)
        elif word == "tripos":
            calls.append(current := [])
    return calls


def prose(page: Path) -> str:
    """The text of a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text())
