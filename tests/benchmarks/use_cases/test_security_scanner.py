"""Security scanner: weaknesses are really there, their twins really safe, and guessing does not pay."""

from __future__ import annotations

import ast
import json
import random
import re
import sqlite3
from collections import Counter
from pathlib import Path
from string import Template
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.benchmarks.benchmark import Options, benchmarks
from tripos.benchmarks.use_cases.flawed_project import MARK, PATTERNS, PIECES, draw_project
from tripos.benchmarks.use_cases.flawed_services import SERVICES
from tripos.benchmarks.use_cases.planted_flaws import KINDS, ROLES, Pattern
from tripos.benchmarks.use_cases.security_scanner import opponents, prompt, reference_answer
from tripos.core.records import Completion, Outcome, Sample, Verdict
from tripos.scoring.answers import visible
from tripos.scoring.scorer import Answer, Instruments

BENCHMARK = benchmarks.get("security_scanner").build(Options(seed=42))
SAMPLES = [BENCHMARK.samples.sample(i) for i in range(200)]  # type: ignore[attr-defined]


def score(sample: Sample, text: str, finish_reason: str = "stop") -> Verdict:
    seen = visible(text)
    answer = Answer(text=seen, completion=Completion(text=text, finish_reason=finish_reason), extraction=BENCHMARK.transform(sample, seen))
    verdict = BENCHMARK.scorer.score(sample, answer, Instruments())
    assert isinstance(verdict, Verdict)
    return verdict


def findings(sample: Sample) -> list[dict[str, Any]]:
    return [{"file": want["file"], "line": want["start"], "cwe": f"CWE-{want['cwe']}"} for want in sample.reference]


def with_planted(count: int, difficulty: str) -> Sample:
    return next(s for s in SAMPLES if len(s.reference) == count and s.subject == difficulty)


class TestPatterns:
    def test_every_kind_has_flawed_and_safe_code_and_a_definition_of_its_own(self) -> None:
        assert len(KINDS) >= 12
        for cwe, kind in KINDS.items():
            mine = [p for p in PATTERNS if p.cwe == cwe]
            assert len([p for p in mine if p.flawed]) >= 2, cwe
            assert all(p.safe and p.role in ROLES for p in mine)
            others = {number for k in KINDS.values() if k is not kind for number in (k.cwe, *k.same)}
            assert not {kind.cwe, *kind.same} & others

    def test_the_marked_lines_are_what_the_safe_twin_does_not_have(self) -> None:
        for pattern in PATTERNS:
            marked = [line.removesuffix(MARK) for line in pattern.flawed.splitlines() if line.endswith(MARK)]
            assert bool(marked) == bool(pattern.flawed)
            assert MARK not in pattern.safe + pattern.route
            if marked and pattern.cwe != 862:
                assert any(line not in pattern.safe.splitlines() for line in marked), pattern.verb

    def test_only_the_unguarded_handlers_are_unguarded(self) -> None:
        for pattern in PATTERNS:
            for text in filter(None, (pattern.flawed, pattern.safe, pattern.route)):
                if "@routes." in text:
                    guarded = "require(" in text or "@public" in text
                    assert guarded != (pattern.cwe == 862 and text == pattern.flawed)


class TestExploits:
    """The planted code gives way to an attack and its twin does not: run for what the standard library can run."""

    NAMES = {
        "app": "kadas",
        "APP": "KADAS",
        "noun": "book",
        "a_noun": "a book",
        "nouns": "books",
        "field": "title",
        "table": "books",
        "fn": "attacked",
    }

    def load(self, pattern: Pattern, text: str, folder: Path) -> Any:
        parts = (*pattern.imports, *pattern.constants, text.replace(MARK, ""))
        source = (
            Template("\n".join(parts)).safe_substitute(self.NAMES).replace("/srv/kadas", str(folder)).replace("/var/log/kadas", str(folder))
        )
        space: dict[str, Any] = {}
        exec(compile(source, "pattern", "exec"), space)  # noqa: S102 - our own templates
        return space["attacked"]

    def pair(self, cwe: int, verb: str, folder: Path) -> tuple[Any, Any]:
        pattern = next(p for p in PATTERNS if (p.cwe, p.verb) == (cwe, verb))
        return self.load(pattern, pattern.flawed, folder), self.load(pattern, pattern.safe, folder)

    @pytest.fixture
    def database(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        path = tmp_path / "books.db"
        with sqlite3.connect(path) as db:
            db.executescript("CREATE TABLE books (id, title, created_at); INSERT INTO books VALUES (1, 'b', 2), (2, 'a', 1);")
            db.executescript("CREATE TABLE staff (id, password); INSERT INTO staff VALUES (7, 'hidden');")
        monkeypatch.setenv("KADAS_DATABASE", str(path))
        return tmp_path

    def test_sql_in_a_condition(self, database: Path) -> None:
        flawed, safe = self.pair(89, "find", database)
        attack = "' UNION SELECT id, password FROM staff --"
        assert (7, "hidden") in flawed(attack)
        assert safe(attack) == []
        assert flawed("a") == safe("a") == [(2, "a")]

    def test_sql_in_an_order(self, database: Path) -> None:
        flawed, safe = self.pair(89, "list", database)
        attack = "(CASE WHEN (SELECT password FROM staff) LIKE 'h%' THEN title ELSE id END)"
        assert flawed(attack) != flawed(attack.replace("h%", "x%"))
        assert safe(attack) == safe(attack.replace("h%", "x%"))

    def test_paths(self, tmp_path: Path) -> None:
        (tmp_path / "books").mkdir()
        (tmp_path / "books" / "one").write_bytes(b"open")
        (tmp_path / "key").write_bytes(b"hidden")
        flawed, safe = self.pair(22, "read", tmp_path)
        assert flawed("../key") == b"hidden"
        assert flawed("one") == safe("one") == b"open"
        with pytest.raises(PermissionError):
            safe("../key")
        flawed, safe = self.pair(22, "save", tmp_path)
        (tmp_path / "attachments").mkdir()
        flawed("../key", b"changed")
        assert (tmp_path / "key").read_bytes() == b"changed"
        safe("../key", b"again")
        assert (tmp_path / "key").read_bytes() == b"changed"

    def test_shell(self, tmp_path: Path) -> None:
        (tmp_path / "books.log").write_text("one\ntwo\none\n")
        flawed, safe = self.pair(78, "count", tmp_path)
        attack = f"one' {tmp_path}/books.log; touch {tmp_path}/owned; grep -c 'two"
        assert flawed("one") == safe("one") == 2
        assert safe(attack) == 0
        assert not (tmp_path / "owned").exists()
        with pytest.raises(ValueError):  # two numbers are printed, but the command has run
            flawed(attack)
        assert (tmp_path / "owned").exists()

    def test_evaluation(self, tmp_path: Path) -> None:
        flawed, safe = self.pair(95, "compute", tmp_path)
        attack = "().__class__.__base__.__subclasses__().__len__()"
        assert flawed(attack) > 0
        assert flawed("-3") == safe("-3") == -3
        with pytest.raises(ValueError):
            safe(attack)

    def test_external_entities(self, tmp_path: Path) -> None:
        (tmp_path / "part.xml").write_text('<e number="hidden"/>')
        flawed, safe = self.pair(611, "scan", tmp_path)
        pattern = next(p for p in PATTERNS if p.verb == "scan")
        listener = "\n".join(pattern.constants)
        flawed, safe = (self.load(pattern, listener + text, tmp_path) for text in (pattern.flawed, pattern.safe))
        document = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{tmp_path}/part.xml">]><a number="1">&x;</a>'.encode()
        assert flawed(document) == ["1", "hidden"]
        assert safe(document) == ["1"]


class TestProjects:
    @pytest.mark.parametrize("difficulty", list(PIECES))
    @pytest.mark.parametrize("kind", list(SERVICES))
    def test_projects_are_python_and_the_truth_points_at_the_planted_lines(self, kind: str, difficulty: str) -> None:
        for planted in range(5):
            project = draw_project(random.Random(f"{kind}{difficulty}{planted}"), SERVICES[kind], difficulty, planted)
            assert len(project.findings) == len({f.cwe for f in project.findings}) == planted
            assert 2 <= len(project.files) <= 6
            for lines in project.files.values():
                tree = ast.parse("\n".join(lines))
                defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
                assert len(defined) == len(set(defined))
                assert not [line for line in lines if MARK in line or re.search(r"\$[a-z{]", line, re.IGNORECASE)]
            for finding in project.findings:
                assert 1 <= finding.start <= finding.end <= len(project.files[finding.file])
                lines = project.files[finding.file][finding.start - 1 : finding.end]
                marked = self.marked_lines(finding.cwe)
                assert all(any(pattern.fullmatch(line) for pattern in marked) for line in (lines[0], lines[-1])), lines

    @staticmethod
    def marked_lines(cwe: int) -> list[re.Pattern[str]]:
        flawed = [line for p in PATTERNS if p.cwe == cwe for line in p.flawed.splitlines() if line.endswith(MARK)]
        return [re.compile(re.sub(r"\\\$(\w+|\\\{\w+\\\})", r"[\\w:/-]+", re.escape(line.removesuffix(MARK)))) for line in flawed]

    def test_every_weakness_has_a_safe_relative_in_the_project(self) -> None:
        for sample in SAMPLES[:60]:
            for want in sample.reference:
                names = {p.verb for p in PATTERNS if p.cwe == want["cwe"]}
                made = re.findall(rf"def ((?:{'|'.join(names)})_\w+)\(", sample.question)
                routes = [name for name in made if name.endswith(("_view", "_page", "_endpoint", "_handler"))]
                assert max(len(set(made) - set(routes)), len(routes)) >= 2, (sample.record_id, want)

    def test_the_listing_numbers_lines_as_the_truth_counts_them(self) -> None:
        sample = with_planted(2, "easy")
        for want in sample.reference:
            part = sample.question.split(f"=== {want['file']} ===\n")[1].split("\n\n===")[0].split("\n")
            assert part[want["start"] - 1].startswith(f"{want['start']:4d} |")


class TestSamples:
    def test_prompts_are_diverse_and_kinds_and_services_balanced(self) -> None:
        samples = [BENCHMARK.samples.sample(i) for i in range(1000)]  # type: ignore[attr-defined]
        assert len({prompt(s) for s in samples}) >= 950
        kinds = Counter(want["cwe"] for s in samples for want in s.reference)
        assert set(kinds) == set(KINDS)
        assert max(kinds.values()) < 2 * min(kinds.values())
        assert len(Counter(s.dimensions["service"] for s in samples)) >= 5
        assert set(Counter(s.subject for s in samples)) == {"easy", "middle", "hard"}
        controls = [s for s in samples if not s.reference]
        assert 60 <= len(controls) <= 100
        assert {s.subject for s in controls} == {"easy", "middle", "hard"}


class TestScoring:
    def test_reference_answers_are_right(self) -> None:
        for s in SAMPLES:
            verdict = score(s, reference_answer(s))
            assert (verdict.value, verdict.is_correct) == (1.0, True), s.record_id

    def test_who_did_not_do_the_work_does_not_pass(self) -> None:
        passed = Counter(dict.fromkeys(opponents(SAMPLES[0]), 0))
        worth: Counter[str] = Counter()
        for s in SAMPLES:
            for name, text in opponents(s).items():
                verdict = score(s, text)
                passed[name] += bool(verdict.is_correct)
                worth[name] += verdict.value or 0.0
        controls = sum(not s.reference for s in SAMPLES)
        assert passed.pop("nothing found") == controls <= 20
        assert passed.pop("suspicious words") <= 20
        assert not any(passed.values()), passed
        assert worth["dump"] / len(SAMPLES) < 0.05

    def test_the_bar_depends_on_the_difficulty(self) -> None:
        extra = {"file": "nowhere.py", "line": 1, "cwe": "CWE-89"}
        for difficulty, passes in (("easy", False), ("middle", True), ("hard", True)):
            s = with_planted(2, difficulty)
            verdict = score(s, json.dumps([*findings(s), extra]))
            assert verdict.value == pytest.approx(0.8)
            assert verdict.is_correct is passes
            assert not score(s, json.dumps(findings(s)[:1])).is_correct

    def test_file_line_and_kind_must_all_be_right(self) -> None:
        s = with_planted(1, "easy")
        (right,), (want,) = findings(s), s.reference
        for line, passes in ((want["start"] - 2, True), (want["end"] + 2, True), (want["start"] - 3, False), (want["end"] + 3, False)):
            assert score(s, json.dumps([{**right, "line": line}])).is_correct is passes
        assert not score(s, json.dumps([{**right, "file": "other.py"}])).is_correct
        other = next(c for c in KINDS if c != want["cwe"])
        assert not score(s, json.dumps([{**right, "cwe": f"CWE-{other}"}])).is_correct

    def test_spellings_and_relatives_of_a_cwe(self) -> None:
        s = next(s for s in SAMPLES if len(s.reference) == 1 and KINDS[s.reference[0]["cwe"]].same)
        (right,), kind = findings(s), KINDS[s.reference[0]["cwe"]]
        for cwe in (kind.cwe, str(kind.cwe), f"cwe-{kind.cwe}: {kind.title}", f"CWE-{kind.same[0]}"):
            assert score(s, json.dumps([{**right, "cwe": cwe, "line": str(right["line"]), "file": "./" + right["file"]}])).is_correct

    def test_a_weakness_counts_once(self) -> None:
        s = with_planted(1, "easy")
        verdict = score(s, json.dumps(findings(s) * 3))
        assert verdict.value == pytest.approx(0.5)
        assert (verdict.metrics["precision"], verdict.metrics["recall"]) == (pytest.approx(1 / 3), 1.0)

    def test_controls_want_an_empty_list_that_is_there(self) -> None:
        s = next(s for s in SAMPLES if not s.reference)
        assert score(s, "I found nothing: []").is_correct
        assert score(s, "I found no weaknesses.").outcome == Outcome.WRONG_FORMAT
        assert score(s, json.dumps([{"file": "a.py", "line": 1, "cwe": "CWE-89"}])).value == 0.0
        assert score(s, "").outcome == Outcome.REFUSED

    @pytest.mark.parametrize(
        "text",
        [
            '{"findings": []}',
            '[{"file": "a.py", "line": 3}]',
            '[{"file": "a.py", "line": 3.5, "cwe": "CWE-89"}]',
            '[{"file": "a.py", "line": "three", "cwe": "CWE-89"}]',
            '[{"file": "a.py", "line": 3, "cwe": "SQL injection"}]',
            '[["a.py", 3, 89], {}]',
        ],
    )
    def test_another_shape_is_a_wrong_format(self, text: str) -> None:
        verdict = score(SAMPLES[0], text)
        assert (verdict.value, verdict.is_correct, verdict.outcome) == (0.0, False, Outcome.WRONG_FORMAT)

    def test_truncated(self) -> None:
        s = with_planted(3, "hard")
        assert score(s, json.dumps(findings(s))[:-20], "length").outcome == Outcome.TRUNCATED

    def test_calibration(self) -> None:
        cases = list(BENCHMARK.calibration())
        assert {c.name for c in cases} >= {"reference", "empty", "refusal", "echo", "garbage", "dump", "keyword stuffing"}
        assert any(c.passes and c.name == "nothing found" for c in cases)
        assert all(score(c.sample, c.text).is_correct == c.passes for c in cases)

    @given(
        st.lists(
            st.fixed_dictionaries({"file": st.text(), "line": st.integers() | st.text(), "cwe": st.integers() | st.text()}), max_size=4
        )
    )
    def test_any_list_gets_a_verdict(self, given_findings: list[dict[str, Any]]) -> None:
        verdict = score(SAMPLES[0], json.dumps(given_findings))
        assert verdict.value is not None
        assert verdict.is_correct is False
