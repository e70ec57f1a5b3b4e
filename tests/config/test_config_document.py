"""A suite file is read strictly: nothing unknown, nothing of another type, and the message says where."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toml_text import LEAST, block, load, suite_text, suites, valid, written, wrong

from tripos.config.document import parse_document
from tripos.config.schema import BENCHMARKS, MODELS, SECTIONS, Section
from tripos.core.errors import ConfigError

KEYS = [(section, key) for section in SECTIONS for key in section.fields]
IDS = [f"{section.header}.{key}" for section, key in KEYS]


def least_with(section: Section, values: dict[str, Any]) -> str:
    """A suite that is complete but for `values`, which stand in `section`."""
    parts = {MODELS.header: {"name": "m"}, BENCHMARKS.header: {"name": "b"}}
    parts[section.header] = parts.get(section.header, {}) | values
    headed = {s.header: s for s in SECTIONS}
    return "".join(block(headed[header], table) for header, table in parts.items())


def refused(text: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_document(text.encode() if isinstance(text, str) else text, "my.toml")
    return str(caught.value)


@settings(max_examples=60)
@given(suites())
def test_every_document_of_valid_values_is_accepted_unchanged(suite: Any) -> None:
    tables, models, benchmarks = suite
    document = parse_document(suite_text(tables, models, benchmarks).encode(), "f")
    for header, table in tables.items():
        assert {key: getattr(document.tables[header], key) for key in table} == table
    for wanted, entry in zip(models + benchmarks, document.models + document.benchmarks, strict=True):
        assert {key: getattr(entry, key) for key in wanted} == wanted


@pytest.mark.parametrize(("section", "key"), KEYS, ids=IDS)
def test_a_wrong_type_is_refused_by_file_section_and_key(section: Section, key: str) -> None:
    for value in wrong(section.fields[key].type):
        message = refused(least_with(section, {key: value}))
        where = re.escape(section.header)
        assert re.match(rf"my\.toml: {where}.*: `{key}` must", message), message


@pytest.mark.parametrize(("section", "key"), KEYS, ids=IDS)
def test_a_misspelt_key_names_the_right_one(section: Section, key: str) -> None:
    for slip in slips(key):
        message = refused(least_with(section, {slip: 1}))
        assert f"unknown key `{slip}`" in message and section.header in message
        if all(slip not in s.fields for s in SECTIONS):
            assert f"did you mean `{key}`?" in message, message


def slips(key: str) -> list[str]:
    """One letter dropped inside the word, two neighbours exchanged, a hyphen for an underscore."""
    dropped = [key[:i] + key[i + 1 :] for i in range(1, len(key))]
    exchanged = [key[:i] + key[i + 1] + key[i] + key[i + 2 :] for i in range(len(key) - 1)]
    return sorted({*dropped, *exchanged, key.replace("_", "-"), key.upper()} - {key, ""})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[run]\nmax_samples = 5\n' + LEAST, "[run]: unknown key `max_samples`; it belongs in [[benchmarks]]"),
        (LEAST + "max_turn = 5\n", "unknown key `max_turn`; did you mean `max_turns`, which belongs in [run]?"),
        ("temperature = 0.5\n" + LEAST, "stands outside every section; it belongs in [defaults], [judge], [[models]] or [[benchmarks]]"),
        ("temprature = 0.5\n" + LEAST, "did you mean `temperature`"),
        ("[defualts]\ntemperature = 0.5\n" + LEAST, "unknown section `defualts`; did you mean [defaults]?"),
        ('[[model]]\nname = "m"\n' + LEAST, "unknown section `model`; did you mean [[models]]?"),
        ("[backend.extrenal]\n" + LEAST, "[backend]: unknown key `extrenal`; the only table here is [backend.external]"),
        ('[backend]\nbase_url = "u"\n' + LEAST, "[backend]: unknown key `base_url`; it belongs in"),
        ("[executor]\nkind = 1\n" + LEAST, "unknown section `executor`"),
        ("[[run]]\nseed = 1\n" + LEAST, "[run] must be a table, got two brackets"),
        ("run = 3\n" + LEAST, "[run] must be a table, got 3"),
        ('[models]\nname = "m"\n[[benchmarks]]\nname = "b"', "[models] must be written with two brackets, [[models]]"),
        ('models = ["m"]\n[[benchmarks]]\nname = "b"', '[[models]] #1 must be a table, got "m"'),
        ('[[benchmarks]]\nname = "b"', "at least one [[models]] entry is needed"),
        ('[[models]]\nname = "m"', "at least one [[benchmarks]] entry is needed"),
        ("", "at least one [[models]] entry is needed"),
        ('[[models]]\nengine = "vllm"\n[[benchmarks]]\nname = "b"', "[[models]] #1: `name` is missing"),
        (LEAST + '[[benchmarks]]\nsplit = "test"', "[[benchmarks]] #2: `name` is missing"),
        (LEAST + '[[benchmarks]]\nname = ""', "[[benchmarks]] #2: `name` must be a non-empty string"),
    ],
)  # fmt: skip
def test_what_stands_in_the_wrong_place_is_sent_to_the_right_one(text: str, said: str) -> None:
    assert said in refused(text)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('backend = "agnt"', 'got "agnt"; did you mean "agent"?'),
        ('backend = "Hermes"', 'did you mean "hermes"?'),
        ('max_samples = "50"', '`max_samples` must be an integer of at least 1, got "50"; leave out the quotation marks'),
        ("max_samples = 0", "must be an integer of at least 1, got 0"),
        ('tools = "file_read, calculator"', 'got "file_read, calculator"; write ["file_read", "calculator"]'),
        ("temperature = -0.1", "`temperature` must be a number of at least 0, got -0.1"),
        ("split = 1979-05-27", "must not be a date or time, got 1979-05-27"),
        ('choice_judge = "sometimes"', 'one of "always", "fallback", "never", got "sometimes"'),
    ],
)
def test_a_refusal_names_the_entry_the_value_and_what_would_do(line: str, said: str) -> None:
    message = refused(LEAST + f'[[benchmarks]]\nname = "gaia"\n{line}')
    assert message.startswith("my.toml: [[benchmarks]] #2 (gaia): ") and said in message


@pytest.mark.parametrize("text", ['"false"', '"true"', "0", "1", '""'])
def test_only_true_and_false_are_boolean(text: str) -> None:
    assert "`telemetry` must be true or false" in refused(f"[run]\ntelemetry = {text}\n" + LEAST)


def test_all_problems_are_told_at_once_one_a_line() -> None:
    message = refused("[run]\nseeed = 1\nmax_workers = 0\n" + LEAST + "spilt = 1\n")
    assert [line.split(": ")[1] for line in message.splitlines()] == ["[run]", "[run]", "[[benchmarks]] #1 (b)"]


def test_a_flood_of_problems_is_cut_short() -> None:
    lines = refused("[run]\n" + "".join(f"nonsense{i} = 1\n" for i in range(50)) + LEAST).splitlines()
    assert len(lines) == 21 and lines[-1] == "my.toml: and 30 further problems"


def test_a_key_is_never_printed() -> None:
    for text in ('api_key = ["sk-secret"]', 'api_key = {a = "sk-secret"}', 'api_kye = "sk-secret"'):
        assert "sk-secret" not in refused(f"[backend.external]\n{text}\n" + LEAST)
    message = refused('[[models]]\nname = "m"\napi_key = "sk-secret"\n[[benchmarks]]\nname = "b"')
    assert "sk-secret" not in message and "`api_key`" in message


@pytest.mark.parametrize("options", ['{ api_key = "sk-secret" }', '{ headers = { Authorization = "sk-secret" } }'])
def test_engine_options_must_not_hold_a_key_because_they_are_written_to_every_summary(options: str) -> None:
    message = refused(f'[[models]]\nname = "m"\noptions = {options}\n[[benchmarks]]\nname = "b"')
    assert "api_key_env" in message and "sk-secret" not in message


def test_malformed_toml_is_told_with_its_line() -> None:
    assert "not valid TOML" in refused("[run]\nseed = = 1") and "line 2" in refused("[run]\nseed = = 1")
    assert "line 2" in refused(b'[meta]\nname = "\xff"')
    assert "a number is too long" in refused("[run]\nseed = " + "9" * 5000)


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert len(parse_document(b"\xef\xbb\xbf" + LEAST.encode(), "f").models) == 1


@pytest.mark.parametrize("deep", ["[" * 3000, "a = " + "[" * 3000 + "]" * 3000, "[run]\nx" + ".x" * 3000 + " = 1"])
def test_deep_nesting_is_refused_not_crashed_on(tmp_path: Path, deep: str) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path, deep)


def test_engine_options_nested_thousands_deep_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        load(tmp_path, '[[models]]\nname = "m"\noptions' + ".x" * 5000 + ' = 1\n[[benchmarks]]\nname = "b"')


def test_a_missing_file_a_directory_and_an_impossible_name_are_one_sentence(tmp_path: Path) -> None:
    from tripos.config.document import read_document

    for path in (tmp_path / "absent.toml", tmp_path, Path("a\0b"), Path("x" * 5000)):
        with pytest.raises(ConfigError, match="cannot be read") as caught:
            read_document(path)
        assert "\n" not in str(caught.value)


def harmless(read: bytes) -> None:
    try:
        parse_document(read, "f")
    except ConfigError as error:
        assert str(error).startswith("f: ")


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_config_errors(content: bytes) -> None:
    harmless(content)


NAMES = st.sampled_from(["meta", "run", "models", "benchmarks", "backend", "judge", "store", "name", "seed", "options", "external", "x"])
ANYTHING = st.recursive(
    st.one_of(st.text(st.characters(codec="utf-8"), max_size=6), st.integers(), st.floats(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=200)
@given(st.dictionaries(NAMES, ANYTHING, max_size=5))
def test_random_documents_raise_nothing_but_config_errors(document: dict[str, Any]) -> None:
    harmless("".join(f"{key} = {written(value)}\n" for key, value in document.items()).encode())


@settings(max_examples=100)
@given(suites(), st.data())
def test_a_damaged_suite_raises_nothing_but_config_errors(suite: Any, data: st.DataObject) -> None:
    text = suite_text(*suite).encode()
    at = data.draw(st.integers(0, len(text) - 1))
    harmless(text[:at] + data.draw(st.binary(max_size=3)) + text[at + data.draw(st.integers(0, 8)) :])


@settings(max_examples=30)
@given(st.data())
def test_an_unknown_key_beside_valid_ones_is_the_only_complaint(data: st.DataObject) -> None:
    section, key = data.draw(st.sampled_from(KEYS))
    text = least_with(section, {key: data.draw(valid(section.fields[key].type)), "zzz": 1})
    message = refused(text)
    assert len(message.splitlines()) == 1 and "unknown key `zzz`" in message
