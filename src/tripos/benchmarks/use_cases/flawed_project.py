"""Small services with planted weaknesses: files with line numbers, and where each weakness stands.

A project is put together from pieces of `planted_flaws`: the planted ones, for each of them a safe twin of the same kind
elsewhere, and more safe pieces up to a fixed number, often two of a kind, so that neither the size of a project nor a
kind that occurs twice says anything about what is planted.
"""

from __future__ import annotations

import random
import re
import string
from dataclasses import dataclass
from string import Template

from tripos.benchmarks.use_cases.invented_names import stem
from tripos.benchmarks.use_cases.planted_flaws import KINDS, ROLES, Pattern
from tripos.benchmarks.use_cases.planted_flaws_of_input import OF_INPUT
from tripos.benchmarks.use_cases.planted_flaws_of_trust import OF_TRUST

MARK = "  #!"
PATTERNS = OF_INPUT + OF_TRUST
_FLASK = ("Blueprint", "Response", "flash", "jsonify", "redirect", "render_template", "request", "session", "url_for")
_STEMS = {
    "routes": ("routes", "views", "handlers", "api"),
    "storage": ("storage", "queries", "repository", "tables"),
    "files": ("files", "documents", "exchange", "papers"),
    "clients": ("clients", "partners", "remote", "outgoing"),
    "accounts": ("accounts", "identity", "tokens", "access"),
    "config": ("config", "settings", "start", "setup_app"),
}
_LAYOUTS: dict[int, tuple[tuple[str, ...], ...]] = {
    2: (("routes",), ("storage", "files", "clients", "accounts", "config")),
    3: (("routes",), ("storage", "files", "clients", "accounts"), ("config",)),
    4: (("routes",), ("storage", "files"), ("clients", "accounts"), ("config",)),
    5: (("routes",), ("storage",), ("files",), ("clients", "accounts"), ("config",)),
    6: tuple((role,) for role in ROLES),
}
FILES = {"easy": (2, 3), "middle": (3, 4), "hard": (5, 6)}
PIECES = {"easy": 6, "middle": 9, "hard": 12}


@dataclass(frozen=True)
class Service:
    """A kind of service: its things (singular, plural), their fields, and plain code of its own."""

    about: str
    things: tuple[tuple[str, str], ...]
    fields: tuple[str, ...]
    plain: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """A planted weakness: lines `start` to `end` (from 1, inclusive) of `file`."""

    file: str
    start: int
    end: int
    cwe: int


@dataclass(frozen=True)
class Project:
    """File paths to lines, in the order in which they are shown, and the weaknesses, sorted."""

    files: dict[str, tuple[str, ...]]
    findings: tuple[Finding, ...]

    @property
    def listing(self) -> str:
        """All files with line numbers."""
        return "\n\n".join(
            "\n".join((f"=== {path} ===", *(f"{number:4d} | {line}".rstrip() for number, line in enumerate(lines, 1))))
            for path, lines in self.files.items()
        )


@dataclass(frozen=True)
class _Piece:
    pattern: Pattern
    text: str
    planted: bool


def draw_project(rng: random.Random, service: Service, difficulty: str, planted: int) -> Project:
    """A project of that kind and size with `planted` weaknesses of different kinds."""
    layout = _LAYOUTS[rng.randint(*FILES[difficulty])]
    return _Builder(rng, service, layout).build(_draw_pieces(rng, difficulty, planted))


def _draw_pieces(rng: random.Random, difficulty: str, planted: int) -> list[_Piece]:
    kinds = rng.sample(sorted(KINDS), len(KINDS))
    pieces = []
    for cwe in kinds[:planted]:
        pattern = rng.choice([p for p in _patterns(cwe) if p.flawed])
        pieces += [_Piece(pattern, pattern.flawed, True), _safe(rng, cwe)]
    rest = kinds[planted:]
    while len(pieces) < PIECES[difficulty]:
        cwe = rest.pop()
        pieces += [_safe(rng, cwe) for _ in range(rng.choice((1, 2, 2)))]
    have = {piece.pattern.role for piece in pieces}
    for role in ROLES:
        if role not in have:
            pieces.append(_safe(rng, rng.choice([p.cwe for p in PATTERNS if p.role == role]), role))
    rng.shuffle(pieces)
    return pieces


def _patterns(cwe: int, role: str | None = None) -> list[Pattern]:
    return [p for p in PATTERNS if p.cwe == cwe and role in (None, p.role)]


def _safe(rng: random.Random, cwe: int, role: str | None = None) -> _Piece:
    pattern = rng.choice(_patterns(cwe, role))
    return _Piece(pattern, pattern.safe, False)


class _Builder:
    """Names things, fills the pieces in and lays them out in files."""

    def __init__(self, rng: random.Random, service: Service, layout: tuple[tuple[str, ...], ...]) -> None:
        self.rng, self.service, self.layout = rng, service, layout
        self.app = stem(rng)
        self.guard = f"{stem(rng)}_guard"
        self.suffix = rng.choice(("view", "page", "endpoint", "handler"))
        self.module = {role: rng.choice(_STEMS[roles[0]]) for roles in layout for role in roles}
        for roles in layout:  # one file, one name
            for role in roles:
                self.module[role] = self.module[roles[0]]
        self.used: set[str] = set()
        self.blocks: dict[str, list[tuple[str, int | None]]] = {self.module[roles[0]]: [] for roles in layout}
        self.imports: dict[str, set[str]] = {name: set() for name in self.blocks}
        self.constants: dict[str, list[str]] = {name: [] for name in self.blocks}

    def build(self, pieces: list[_Piece]) -> Project:
        """The finished project."""
        for piece in pieces:
            self._place(piece)
        for text in self.service.plain:
            self.blocks[self.rng.choice([self.module["storage"], self.module["files"]])].append(
                (Template(text).substitute(app=self.app), None)
            )
        files: dict[str, tuple[str, ...]] = {}
        findings: list[Finding] = []
        for name in self.rng.sample(list(self.blocks), len(self.blocks)):
            path = f"{self.app}/{name}.py"
            files[path], found = self._file(name, path)
            findings += found
        return Project(files, tuple(sorted(findings, key=lambda f: (f.file, f.start))))

    def _place(self, piece: _Piece) -> None:
        pattern, rng = piece.pattern, self.rng
        names = self._names(pattern, piece.text)
        name = self.module[pattern.role]
        self.imports[name] |= set(pattern.imports)
        for constant in pattern.constants:
            text = Template(constant).substitute(names).strip("\n")
            if text.startswith("class "):
                if (text, None) not in self.blocks[name]:
                    self.blocks[name].insert(0, (text, None))
            elif text not in self.constants[name]:
                self.constants[name].append(text)
        self.blocks[name].append((Template(piece.text).substitute(names), pattern.cwe if piece.planted else None))
        if pattern.route:
            self.imports[self.module["routes"]].add(f"from {self.app} import {name}")
            route = (Template(pattern.route).substitute(names), None)
            routes = self.blocks[self.module["routes"]]
            routes.insert(rng.randint(0, len(routes)), route)

    def _names(self, pattern: Pattern, text: str) -> dict[str, str]:
        rng = self.rng
        while True:
            noun, nouns = rng.choice(self.service.things)
            fn = f"{pattern.verb}_{rng.choice((noun, nouns))}"
            if rng.random() < 0.3:
                fn += "_" + stem(rng)
            if fn not in self.used:
                break
        self.used.add(fn)
        return {
            "app": self.app,
            "APP": self.app.upper(),
            "noun": noun,
            "a_noun": f"an {noun}" if noun[0] in "aeiou" else f"a {noun}",
            "nouns": nouns,
            "Nouns": nouns.capitalize(),
            "field": rng.choice(self.service.fields),
            "table": f"{stem(rng)}_{nouns}",
            "fn": fn,
            "handler": f"{fn}_{self.suffix}",
            "path": f"{nouns}/{fn.replace('_', '-')}",
            "perm": f"{nouns}:{'read' if '@routes.get(' in (pattern.route or text) else 'write'}",
            "module": self.module[pattern.role],
            "secret": "".join(rng.choice(string.ascii_letters + string.digits) for _ in range(26)),
            "port": str(rng.randrange(8_000, 9_000)),
        }

    def _file(self, name: str, path: str) -> tuple[tuple[str, ...], list[Finding]]:
        body = "\n".join(text for text, _ in self.blocks[name])
        lines = [f'"""{self.service.about}: {name.replace("_", " ")}."""', ""]
        lines += self._head(name, body)
        findings = []
        for text, cwe in self.blocks[name]:
            lines += ["", ""]
            marked = [len(lines) + i for i, line in enumerate(text.strip("\n").split("\n"), 1) if line.endswith(MARK)]
            lines += [line.removesuffix(MARK) for line in text.strip("\n").split("\n")]
            if cwe is not None:
                findings.append(Finding(path, marked[0], marked[-1], cwe))
        return tuple(lines), findings

    def _head(self, name: str, body: str) -> list[str]:
        """Imports of what the file uses, then constants."""
        constants = "\n".join(self.constants[name])
        wanted = set(self.imports[name])
        if name == self.module["routes"]:
            wanted |= {
                f"from flask import {', '.join(_FLASK)}",
                f"from {self.guard} import public, require",
                "from collections import defaultdict, deque",
            }
            extra = ['routes = Blueprint("routes", __name__)']
            if "held[" in body:
                extra.append("held: dict[str, dict[int, dict]] = defaultdict(dict)")
            if "journal." in body:
                extra.append("journal: deque[tuple] = deque(maxlen=1000)")
            constants = "\n".join((*self.constants[name], *extra))
        imports = sorted(
            filter(None, (_used(line, f"{body}\n{constants}") for line in wanted)), key=lambda line: (line.startswith("from"), line)
        )
        return [*imports, *(["", *constants.split("\n")] if constants else [])]


def _used(line: str, text: str) -> str:
    """The import line with the names that the text uses; empty if it uses none."""
    head, _, names = line.rpartition("import ")
    kept = [n for n in names.split(", ") if re.search(rf"(?<![\w.\"'/]){re.escape(n)}\b", text)]
    return f"{head}import {', '.join(kept)}" if kept else ""
