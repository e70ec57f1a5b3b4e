"""LogHub: sessions and windows without their labels, drawing, and the figures of detection."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from running import tripos
from scripted_judge import answer_of, assert_calibrated, with_judge
from shared_data import shared
from tripos.benchmarks.agentic.loghub import Logs, loghub, to_sample
from tripos.benchmarks.benchmark import Options
from tripos.core.errors import ConfigError, DatasetError
from tripos.core.records import Sample

HDFS = [
    "1 INFO Receiving block blk_1",
    "2 INFO Receiving block blk_-2",
    "3 INFO ask 10.0.0.1 to delete blk_1 blk_-2 blk_3",
    "4 ERROR blk_1 is gone",
]
LABELS = "BlockId,Label\nblk_1,Anomaly\nblk_-2,Normal\nblk_9,Normal\n"
BGL = ["- 1 all well", "- 2 all well", "KERNDTLB 3 data TLB error", "- 4 all well", "APPREAD 5 cannot read"]


def write(folder: Path, *, hdfs: list[str] = HDFS, labels: str | None = LABELS, bgl: list[str] = BGL) -> Path:
    for name, lines in (("hdfs/HDFS.log", hdfs), ("bgl/BGL.log", bgl)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("\n".join(lines) + "\n")
    if labels is not None:
        (folder / "hdfs" / "anomaly_label.csv").write_text(labels)
    return folder


def samples(data: Path | None, subset: str | None = None, **settings: Any) -> list[Sample]:
    return list(loghub.build(Options(data=data, subset=subset, settings=settings)).samples)


async def test_calibration() -> None:
    await assert_calibrated(loghub.build())


@pytest.mark.parametrize(("subset", "count", "anomalies"), [(None, 1994, 68), ("hdfs", 1994, 68), ("bgl", 20, 12), ("thunderbird", 10, 0)])
def test_real_logs(subset: str | None, count: int, anomalies: int) -> None:
    source = loghub.build(Options(data=shared("loghub"), subset=subset)).samples
    found = list(source)
    assert len({s.record_id for s in found}) == len(found) == count
    assert sum(s.reference == "anomaly" for s in found) == anomalies
    assert (source.fingerprint()["kept"], source.fingerprint()["anomalies"]) == (count, anomalies)
    assert list(source) == found


def test_no_prompt_contains_a_label() -> None:
    log = shared("loghub/bgl/BGL.log").read_text(encoding="utf-8").splitlines()
    tags = {line.split(" ")[0] for line in log} - {"-"}
    assert len(tags) > 5
    build = loghub.build(Options(data=shared("loghub"), subset="bgl", settings={"window": 10}))
    found = list(build.samples)
    assert sum(len(s.question.splitlines()) for s in found) == len(log)
    for sample in found:
        words = set(re.findall(r"\w+", str(build.prompt(sample))))
        assert not words & tags
        assert not any(line.startswith("- ") for line in sample.question.splitlines())
        assert sample.reference not in sample.question.lower()


def test_a_session_is_every_line_that_names_the_block(tmp_path: Path) -> None:
    source = loghub.build(Options(data=write(tmp_path))).samples
    two, one = sorted(source, key=lambda s: s.record_id)
    assert (one.record_id, one.reference, one.question.split("\n")) == ("blk_1", "anomaly", [HDFS[0], HDFS[2], HDFS[3]])
    assert (two.record_id, two.reference, two.question.split("\n")) == ("blk_-2", "normal", [HDFS[1], HDFS[2]])
    said = source.fingerprint()
    assert [said[name] for name in ("rows", "kept", "anomalies", "without_label", "without_lines")] == [3, 2, 1, 1, 1]


def test_windows_do_not_overlap_and_lose_no_line(tmp_path: Path) -> None:
    found = samples(write(tmp_path), "bgl", window=2)
    assert [(s.record_id, s.reference) for s in found] == [("bgl/2/0", "normal"), ("bgl/2/1", "anomaly"), ("bgl/2/2", "anomaly")]
    assert found[1].question == "3 data TLB error\n4 all well"


def test_long_sessions_show_their_beginning_and_their_end() -> None:
    sample = to_sample("hdfs", "blk_1", [f"line {i}" for i in range(1000)], False)
    shown = sample.question.split("\n")
    assert (shown[0], shown[149], shown[150], shown[151], shown[-1]) == (
        "line 0",
        "line 149",
        "[700 lines are left out here]",
        "line 850",
        "line 999",
    )
    assert sample.metadata["lines"] == 1000


def test_drawing_depends_on_the_ids_alone(tmp_path: Path) -> None:
    names = [f"blk_{i}" for i in range(60)]
    labels = "BlockId,Label\n" + "".join(f"{name},{'Anomaly' if i % 10 == 0 else 'Normal'}\n" for i, name in enumerate(names))
    lines = [f"1 INFO {name}" for name in names]
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    there, turned = write(tmp_path / "a", hdfs=lines, labels=labels), write(tmp_path / "b", hdfs=lines[::-1], labels=labels)
    ten = {s.record_id for s in samples(there, most=10)}
    assert ten == {s.record_id for s in samples(turned, most=10)}
    assert ten < {s.record_id for s in samples(there, most=30)}
    balanced = Counter(s.reference for s in samples(there, sampling="balanced"))
    assert balanced == {"anomaly": 6, "normal": 6}
    assert Counter(s.reference for s in samples(there, sampling="balanced", most=4)) == {"anomaly": 2, "normal": 2}
    assert len(samples(there, most=0)) == 60


def test_names_of_the_samples_and_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPOS_DATA_DIR", str(tmp_path))
    (tmp_path / "loghub" / "BGL").mkdir(parents=True)
    (tmp_path / "loghub" / "BGL" / "BGL_2k.log").write_text("\n".join(BGL))
    assert len(samples(None, "bgl")) == 1
    (tmp_path / "loghub" / "HDFS_v1" / "preprocessed").mkdir(parents=True)
    (tmp_path / "loghub" / "HDFS_v1" / "HDFS.log").write_text("\n".join(HDFS))
    (tmp_path / "loghub" / "HDFS_v1" / "preprocessed" / "anomaly_label.csv").write_text(LABELS)
    assert len(samples(None)) == 2


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"labels": None}, "without which no block has a label"),
        ({"labels": "BlockId,Label\nblk_1,Odd\n"}, r"anomaly_label\.csv:2"),
        ({"labels": "Block,Label\nblk_1,Normal\n"}, "must have a BlockId"),
        ({"hdfs": ["nothing"]}, "no line that can be used"),
    ],
)
def test_files_that_cannot_be_used_are_an_error(files: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=said):
        samples(write(tmp_path, **files))


def test_without_a_log_the_error_says_where_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIPOS_DATA_DIR", raising=False)
    for data in (None, tmp_path):
        with pytest.raises(DatasetError, match="zenodo"):
            samples(data, "thunderbird")


def test_a_log_without_anomalies_cannot_be_balanced(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has the label anomaly"):
        samples(write(tmp_path, bgl=BGL[:2]), "bgl", sampling="balanced")


def test_options_without_effect_are_refused() -> None:
    for options, said in (
        (Options(subset="hdf"), "hdfs"),
        (Options(split="test"), "split"),
        (Options(judge="always"), "judge"),
        (Options(settings={"sampling": "even"}), "balanced"),
        (Options(settings={"window": 5}), "by blocks"),
        (Options(subset="bgl", settings={"window": 0}), "too small"),
        (Options(settings={"most": -1}), "too small"),
    ):
        with pytest.raises(ConfigError, match=said):
            loghub.build(options)


def test_always_normal_is_exposed_by_the_aggregates() -> None:
    build = loghub.build(Options(data=shared("loghub")))
    scorer: Any = build.scorer
    found = [scorer.score(s, answer_of(s, "Label: normal", build.transform), with_judge(None)) for s in build.samples]
    assert sum(v.value for v in found) / len(found) > 0.96
    figures = scorer.aggregate([(v.outcome, v.metrics) for v in found])
    assert (figures["mcc"], figures["f1"], figures["balanced_accuracy"]) == (0.0, 0.0, 0.5)


def test_a_run_reports_f1(tmp_path: Path) -> None:
    write(tmp_path)
    run = ("run", "-b", "loghub", "-e", "simulated", "-m", "x", "--model-option", "skill=1", "--data", ".", "--subset", "bgl")
    done = tripos(*run, "--setting", "window=1", "-o", "out.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "out.jsonl.summary.json").read_text())
    assert (summary["planned"], summary["accuracy"], summary["aggregates"]["f1"]) == (5, 1.0, 1.0)
    assert summary["per_dimension"]["label"]["anomaly"]["total"] == 2
    assert (summary["dataset"]["sampling"], summary["dataset"]["window"]) == ("natural", 1)


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    before = Logs("bgl", write(tmp_path)).fingerprint()["digest"]
    assert before != Logs("bgl", write(tmp_path, bgl=BGL[::-1])).fingerprint()["digest"]
