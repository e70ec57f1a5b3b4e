"""The HTML page: complete, offline, and no text of a model or a file becomes markup."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

from running import tripos


def write_run(folder: Path, model: str, right: int, n: int = 40, benchmark: str = "gpqa") -> Path:
    path = folder / f"{model.replace('/', '-').replace('<', '')[:12]}-{right}.jsonl"
    lines = [
        {"record_id": f"r{i}", "benchmark": benchmark, "model": model, "is_correct": i < right, "score": float(i < right)} for i in range(n)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = {"benchmark": benchmark, "model": model, "accuracy": right / n, "scored_samples": n, "correct": right, "total_samples": n,
            "unscored": 0, "accuracy_interval": {"lower": 0.1, "upper": 0.9}, "notices": ["<b>loud</b>"]}  # fmt: skip
    path.with_name(path.name + ".summary.json").write_text(json.dumps(said))
    return path


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]


def test_a_page_shows_intervals_and_differences_and_nothing_foreign_runs(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>/m"
    weak, strong = write_run(tmp_path, "weak", 12), write_run(tmp_path, hostile, 30)
    run = tripos("report", str(weak), str(strong), "--html", "r.html", "--title", "<i>t</i>", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    text = (tmp_path / "r.html").read_text()
    tags = Tags()
    tags.feed(text)
    assert "script" not in tags.seen and "i" not in tags.seen and not tags.links
    assert {"svg", "table", "circle"} <= tags.seen
    assert "better" in text and "p = " in text and "&lt;script&gt;" in text


def test_the_page_says_what_compare_says(tmp_path: Path) -> None:
    files = [
        write_run(tmp_path, model, right, benchmark=b) for model in "ab" for right, b in ((9 if model == "a" else 25, "gpqa"), (11, "x"))
    ]
    said = tripos("compare", *map(str, files), cwd=tmp_path).stdout
    assert tripos("report", *map(str, files), "--html", "r.html", cwd=tmp_path).returncode == 0
    text = (tmp_path / "r.html").read_text()
    sentences = [line for line in said.splitlines() if line.startswith("b vs a on ")]
    assert len(sentences) == 2 and all(f"<p>{line} <small>(40 pairs, " in text for line in sentences)
    assert text.count("adjusted by holm over 2)") == 2


def test_nothing_on_the_page_is_wider_than_a_narrow_window(tmp_path: Path) -> None:
    assert tripos("report", str(write_run(tmp_path, "alone", 9)), "--html", "r.html", cwd=tmp_path).returncode == 0
    text = (tmp_path / "r.html").read_text()
    assert ".scroll { overflow-x: auto }" in text
    for wide in ("<table", "<svg"):
        assert text.count(f'<div class="scroll">{wide}') == text.count(wide) == 1


def test_runs_that_share_no_benchmark_stand_side_by_side(tmp_path: Path) -> None:
    files = [write_run(tmp_path, "a", 9, benchmark="gpqa"), write_run(tmp_path, "b", 10, benchmark="x")]
    assert tripos("report", *map(str, files), "--html", "r.html", cwd=tmp_path).returncode == 0
    text = (tmp_path / "r.html").read_text()
    assert "<h2>gpqa</h2>" in text and "<h2>x</h2>" in text and "Paired" not in text


def test_one_run_alone_has_no_comparison(tmp_path: Path) -> None:
    run = tripos("report", str(write_run(tmp_path, "alone", 9)), "--html", "r.html", cwd=tmp_path)
    assert run.returncode == 0 and "Paired" not in (tmp_path / "r.html").read_text()


def test_a_suite_is_one_family_of_tests(tmp_path: Path) -> None:
    files = [write_run(tmp_path, "a", 10, benchmark="gpqa"), write_run(tmp_path, "a", 11, benchmark="frames")]
    files += [write_run(tmp_path, "b", 20, benchmark="gpqa"), write_run(tmp_path, "b", 21, benchmark="frames")]
    run = tripos("compare", *map(str, files), "--json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    rows = json.loads(run.stdout)["rows"]
    assert [r["benchmark"] for r in rows] == ["frames", "gpqa"]
    assert all(r["family_size"] == 2 and r["adjusted_p_value"] >= r["p_value"] for r in rows)
