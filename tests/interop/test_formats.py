"""Which tool wrote it, and what is said when none did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foreign_logs import chosen, generated, inspect_eval, inspect_log, inspect_sample, kernel, openjarvis_line, write_json, write_lines
from tripos.core.errors import ConfigError
from tripos.interop.formats import formats, read_log


def everything(folder: Path) -> None:
    log = inspect_log([inspect_sample(1, "C")], {"match": 1.0})
    (folder / "a").mkdir()
    inspect_eval(folder / "a" / "log.eval", log)
    write_json(folder / "b" / "log.json", log)
    write_lines(folder / "c" / "r.jsonl", [openjarvis_line("q1", True)])
    write_json(folder / "d" / "eval_results.json", {"1": [kernel(0)]})
    write_json(folder / "e" / "2024_gpt-4o-retail.json", [{"task_id": 1, "reward": 1.0, "info": {}, "traj": [], "trial": 0}])
    write_json(folder / "unrelated.json", {"eval": 3})
    (folder / "notes.txt").write_text("nothing")


def test_a_directory_of_logs_of_many_tools(tmp_path: Path) -> None:
    everything(tmp_path)
    assert [log.tool for log in read_log(tmp_path)] == ["inspect-ai", "inspect-ai", "openjarvis", "kernelbench", "tau-bench"]


def test_only_the_format_that_was_asked_for(tmp_path: Path) -> None:
    everything(tmp_path)
    assert [log.tool for log in read_log(tmp_path, "kernelbench")] == ["kernelbench"]


def test_an_unknown_file_names_the_known_formats(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"x\.json: not a log that a known tool wrote; known formats: .*inspect-ai.*lm-eval.*openjarvis"):
        read_log(write_json(tmp_path / "x.json", {"hello": "world"}))


def test_an_unknown_format_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown log format 'inspect'; did you mean 'inspect-ai'"):
        read_log(tmp_path, "inspect")


def test_our_own_results_need_no_import(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.jsonl", [openjarvis_line("q1", True, trial_hash="0")])
    with pytest.raises(ConfigError, match="results file of Tripos itself"):
        read_log(path)


def test_what_is_not_there_and_what_is_empty(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_log(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="no log below it"):
        read_log(tmp_path)


def test_every_format_says_what_it_reads() -> None:
    assert {"inspect-ai", "lm-eval", "openjarvis", "kernelbench", "helm", "evalscope", "lighteval", "tau-bench"} <= set(formats.names())
    assert all(f.title for _, f in formats.items())


JUNK = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3) | st.lists(st.integers(), max_size=2) | st.just({"x": [1]})


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_log_with_one_value_replaced_is_read_or_refused_in_a_sentence(tmp_path: Path, data: st.DataObject) -> None:
    makers = {
        "log.json": lambda: inspect_log([inspect_sample(1, {"match": "C", "d": {"k": 1}})], {"match": 1.0}),
        "eval_results.json": lambda: {"1": [kernel(0), kernel(1)]},
        "r.jsonl": lambda: openjarvis_line("q1", True),
        "samples_sums.jsonl": lambda: generated(1, "2", "2", "none", 1.0),
        "samples_which.jsonl": lambda: chosen(1, [-1.0, -2.0], 1.0, 0.0),
        "traj.json": lambda: [{"task_id": 1, "reward": 1.0, "info": {"task": {}}, "traj": [{"role": "user", "content": "x"}], "trial": 0}],
    }
    name = data.draw(st.sampled_from(sorted(makers)))
    value = makers[name]()
    places = list(_places(value))
    holder, key = places[data.draw(st.integers(0, len(places) - 1))]
    holder[key] = data.draw(JUNK)
    path = tmp_path / name
    path.write_text(json.dumps(value))
    try:
        for log in read_log(path):
            list(log.trials())
            assert len(log.run_key) == 64
    except ConfigError as error:
        assert name in str(error)


def _places(value: object) -> list[tuple[object, object]]:
    found: list[tuple[object, object]] = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found.append((value, key))
        found += _places(inner)
    return found
