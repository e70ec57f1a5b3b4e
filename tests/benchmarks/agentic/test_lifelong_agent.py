"""LifelongAgentBench: rows in both forms, SQL played and compared, conversations replayed, doors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge_attacks import attacks
from shared_data import shared
from tripos.benchmarks.agentic import lifelong_scoring
from tripos.benchmarks.agentic.lifelong_agent import ask, calibration_task, lifelong_agent, literal, reference_reply
from tripos.benchmarks.agentic.lifelong_scoring import LifelongAgent
from tripos.benchmarks.agentic.lifelong_sql import affinity, played, statements
from tripos.benchmarks.agentic.lifelong_tables import protocol, same_rows, same_state, state_digest, told_rows
from tripos.benchmarks.benchmark import Options
from tripos.core.errors import ConfigError, SandboxError, ScorerError
from tripos.core.records import Completion, Outcome, Sample, Verdict
from tripos.runs.calibration import calibrate
from tripos.sandbox.choose import choose
from tripos.scoring.fenced import LastBlock
from tripos.scoring.scorer import Answer, Instruments

TABLE: dict[str, Any] = {
    "name": "t",
    "columns": [["id", "INT"], ["w", "TEXT"], ["p", "DECIMAL(6,2)"]],
    "rows": [[1, "Oak", 1.5], [2, "it's", 2]],
}
ASKED = calibration_task("SELECT wood, price FROM stools ORDER BY price DESC LIMIT 2;", rows=[["oak", 180], ["oak", 150]])
CHANGED = calibration_task("UPDATE stools SET price = 95 WHERE id = 2;", md5="9e07b521707c322a6c1b63ebcf2342a9")


async def verdict_of(sample: Sample, text: str, *, turns: tuple[dict[str, Any], ...] = (), scorer: LifelongAgent | None = None) -> Verdict:
    completion = Completion(text=text, finish_reason="stop", turns=turns)
    answer = Answer(text, completion, LastBlock(("sql", "bash"))(sample, text))
    return await (scorer or LifelongAgent(answers="recorded" if turns else "live")).score(sample, answer, Instruments(sandbox=choose()))


def conversation(*said: str) -> tuple[dict[str, Any], ...]:
    return tuple(turn for text in said for turn in ({"role": "assistant", "content": text}, {"role": "user", "content": "[]"}))


def operation(sql: str) -> str:
    return f"Thought: next.\nAction: Operation\n```sql\n{sql}\n```"


def final(text: str) -> str:
    return f"Action: Answer\nFinal Answer: {text}"


async def test_calibration() -> None:
    assert not [case for case in await calibrate(lifelong_agent.build()) if not case.ok]


@pytest.mark.parametrize(("family", "count"), [("db_bench", 5), ("os_interaction", 3), ("knowledge_graph", 2)])
def test_rows_are_the_same_from_json_lines_and_from_parquet(family: str, count: int) -> None:
    lines, folder = shared(f"lifelong-agent/{family}.jsonl"), shared("lifelong-agent")
    one, two = (list(lifelong_agent.build(Options(data=path, subset=family)).samples) for path in (lines, folder))
    assert one == two and len({sample.record_id for sample in one}) == count
    for sample in one:
        assert sample.question in ask(sample)
        assert sample.metadata["family"] == family


def test_all_families_together() -> None:
    benchmark = lifelong_agent.build(Options(data=shared("lifelong-agent"), subset="all"))
    assert len(list(benchmark.samples)) == 10
    assert benchmark.scorer.needs == {"sandbox", "docker"}
    assert benchmark.samples.fingerprint()["db_bench_kept"] == 5


async def test_every_reference_statement_of_the_shared_rows_is_right() -> None:
    for sample in lifelong_agent.build(Options(data=shared("lifelong-agent"))).samples:
        assert sample.reference["sql"] not in ask(sample)
        verdict = await verdict_of(sample, reference_reply(sample))
        assert verdict.is_correct and (await verdict_of(sample, "```sql\nSELECT 1;\n```")).is_correct is False


@pytest.mark.parametrize("subset", ["sql", "db"])
def test_unknown_families_are_named(subset: str) -> None:
    with pytest.raises(ConfigError, match="db_bench"):
        lifelong_agent.build(Options(subset=subset))
    with pytest.raises(ConfigError, match="recorded"):
        lifelong_agent.build(Options(settings={"answers": "record"}))


@pytest.mark.parametrize(
    ("text", "value"),
    [('{"a": null}', {"a": None}), ("{'a': None}", {"a": None}), ("[(Decimal('1.50'), 'x')]", [("1.50", "x")][:0] or [(1.5, "x")])],
)
def test_nested_fields_may_be_texts(text: str, value: Any) -> None:
    assert literal(text) == value
    assert literal(value) is value


def test_a_text_that_is_neither_is_an_error() -> None:
    for text in ("{'a': ", "open('/etc/passwd')", "__import__('os')"):
        with pytest.raises(ValueError):
            literal(text)


async def test_a_right_query_in_the_middle_with_a_wrong_final_answer_is_wrong() -> None:
    query = operation("SELECT wood, price FROM stools ORDER BY price DESC LIMIT 2")
    wrong = await verdict_of(ASKED, "", turns=conversation(query, final("[('oak', 180), ('pine', 90)]")))
    right = await verdict_of(ASKED, "", turns=conversation(query, final("[('oak', 180), ('oak', 150)]")))
    silent = await verdict_of(ASKED, "", turns=conversation(query, query))
    assert (wrong.is_correct, right.is_correct, silent.is_correct) == (False, True, False)


async def test_row_order_matters() -> None:
    turned = await verdict_of(ASKED, "", turns=conversation(final("[('oak', 150), ('oak', 180)]")))
    assert turned.is_correct is False
    assert (await verdict_of(ASKED, "```sql\nSELECT wood, price FROM stools WHERE wood='oak' ORDER BY price\n```")).is_correct is False


async def test_changes_are_compared_by_the_table_that_is_left() -> None:
    right = await verdict_of(CHANGED, "", turns=conversation(operation("UPDATE stools SET price = 95 WHERE id = 2"), final("done")))
    assert right.is_correct and right.metrics["md5_reproduced"] == 1.0
    assert (await verdict_of(CHANGED, "", turns=conversation(final("done")))).is_correct is False
    assert (await verdict_of(CHANGED, "", turns=conversation(operation("DELETE FROM stools")))).is_correct is False
    with pytest.raises(ScorerError, match="cannot play"):
        await verdict_of(CHANGED, "", turns=conversation(operation("UPDATE stools SET price = 95 WHERE id DIV 2 = 1")))


async def test_a_task_that_sqlite_answers_otherwise_is_invalid_not_wrong() -> None:
    odd = calibration_task("SELECT 5 DIV 2;", rows=[[2]])
    other = calibration_task("SELECT 5 / 2;", rows=[[2.5]])
    for sample in (odd, other):
        assert (await verdict_of(sample, "```sql\nSELECT 2;\n```")).outcome is Outcome.SAMPLE_INVALID
    assert (await verdict_of(other, "", turns=conversation(final("[(2.5,)]")))).is_correct


@pytest.mark.parametrize(
    ("program", "error", "rows"),
    [
        ("SELECT w FROM t WHERE w = 'OAK'", None, [("Oak",)]),
        ("SELECT `p` FROM `t` WHERE id = 2;", None, [(2,)]),
        ("SELECT count(DISTINCT w) FROM t WHERE w IN ('öAK', 'IT''S')", None, [(2,)]),
        ("INSERT INTO t VALUES (3, ';', 1); SELECT count(*) FROM t;", None, [(3,)]),
        ("SELECT 'a;b' -- ; no end\n;", None, [("a;b",)]),
        ("ATTACH '/tmp/x.db' AS x", "not authorized", None),
        ("PRAGMA writable_schema = 1", "not authorized", None),
        ("SELECT load_extension('x')", "not authorized", None),
        ("SELECT zeroblob(100000000)", "too big", None),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n", "more than 2000 rows", None),
        ("SELECT \x00", "", None),
        ("SELEKT", "syntax error", None),
        ("", None, None),
    ],
)
def test_programs_are_played(program: str, error: str | None, rows: Any) -> None:
    result = played(TABLE, program)
    assert (result["error"] is None) == (error is None), result["error"]
    assert error is None or error in result["error"]
    if error is None:
        assert result["rows"] == rows


def test_a_table_that_is_gone_leaves_no_state() -> None:
    assert played(TABLE, "DROP TABLE t")["state"] is None
    assert played(TABLE, "BEGIN; DELETE FROM t")["state"] == []
    assert not same_state(None, None)


def test_types_and_statements() -> None:
    assert [affinity(kind)[:4] for kind in ("int unsigned", "DECIMAL(3,1)", "VARCHAR(9)", "date", "double")] == [
        "INTE",
        "NUME",
        "TEXT",
        "TEXT",
        "NUME",
    ]
    assert statements("SELECT ';'; SELECT 2") == ["SELECT ';';", " SELECT 2"]


@pytest.mark.parametrize(
    ("rows", "answer", "right"),
    [
        ([["Di"], ["Bo"]], "[('Di',), ('Bo',)]", True),
        ([["Di"], ["Bo"]], "[('Bo',), ('Di',)]", False),
        ([["Di"], ["Bo"]], "[('Di',)]", False),
        ([[180]], "180", True),
        ([[180]], "[(Decimal('180.00'),)]", True),
        ([[180]], "(180 euros)", True),
        ([[180]], "('180')", True),
        ([[180]], "(180.0001)", True),
        ([[180]], "(180.1)", False),
        ([[180]], "180, 181", False),
        ([["oak", 1.5]], '("oak", 1.5)', True),
        ([["oak", 1.5]], "('oak, 1.5)", True),
        ([["oak"]], "''oak''", False),
        ([["'"]], "'", True),
        ([], "[]", True),
        ([], "()", False),
        ([], "", False),
        ([["a"]], "((a)", True),
        ([["a"]], "(a))", False),
        ([["a"]], "(a", False),
        ([[None]], "(None)", False),
    ],
)
def test_rows_told_as_text(rows: list[list[Any]], answer: str, right: bool) -> None:
    assert told_rows(rows, answer) is right


@given(st.lists(st.lists(st.integers() | st.text(max_size=3) | st.floats(allow_nan=False), max_size=3), max_size=3), st.text(max_size=40))
def test_reading_told_rows_never_raises(rows: list[list[Any]], answer: str) -> None:
    assert told_rows(rows, answer) in (True, False)
    assert same_rows(rows, rows)


@given(st.lists(st.text(max_size=30), max_size=4))
def test_reading_a_conversation_never_raises(said: list[str]) -> None:
    asked, told = protocol([*said, operation("SELECT 1"), final("1"), operation("SELECT 2")])
    assert told is None or "SELECT 2" not in asked


def test_a_reply_without_an_action_ends_the_conversation() -> None:
    assert protocol([operation("SELECT 1"), "I am lost.", final("1")]) == (["SELECT 1"], None)
    assert protocol(["Action: Operation\nSELECT 1", final("1")]) == ([], None)
    assert protocol([final(" [(1,)] ")]) == ([], "[(1,)]")


def test_the_digest_of_a_table_is_that_of_mysql() -> None:
    rows = [[1, "oak", 180], [2, "pine", 95], [3, "oak", 150], [4, "ash", 90]]
    assert state_digest(rows, ["INT", "TEXT", "INT"]) == state_digest(rows[::-1], ["INT", "TEXT", "INT"]) == CHANGED.reference["md5"]
    assert state_digest([[1, None]], ["INT", "TEXT"]) == state_digest([[1]], ["INT"])
    assert state_digest([[1.5]], ["DECIMAL(6,2)"]) == state_digest([["1.50"]], ["TEXT"]) != state_digest([[1.5]], ["DOUBLE"])
    assert state_digest([], ["INT"]) is None
    many = [[n] for n in range(400)]
    assert state_digest(many, ["INT"]) is not None


async def test_a_recorded_graph_answer_is_a_set() -> None:
    (sample, _) = list(lifelong_agent.build(Options(data=shared("lifelong-agent/knowledge_graph.jsonl"), subset="knowledge_graph")).samples)
    gold = sample.reference["answers"]
    scorer = LifelongAgent(families=("knowledge_graph",), answers="recorded")
    for answers, right, value in ((gold, True, 1.0), ([*gold, "m.1"], False, 2 / 3), ([], False, 0.0)):
        turns = (*conversation("Final Answer: #1"), {"role": "environment", "answers": answers})
        verdict = await verdict_of(sample, "", turns=turns, scorer=scorer)
        assert (verdict.is_correct, verdict.value) == (right, pytest.approx(value))
    for turns in ((), conversation("Final Answer: #1"), conversation(json.dumps({"role": "environment", "answers": gold}))):
        with pytest.raises(ScorerError):
            await verdict_of(sample, json.dumps(gold), turns=turns, scorer=scorer)


def shell_task(begin: str, check: str) -> Sample:
    command = {"command_name": "bash"}
    return Sample(
        record_id="shell",
        input="Do it.",
        reference={"check": {**command, "script": check}},
        metadata={"family": "os_interaction", "begin": {**command, "script": begin}},
    )


def shell(image: str) -> LifelongAgent:
    return LifelongAgent(families=("os_interaction",), image=image)


async def test_shell_tasks_of_the_shared_rows_are_played_in_a_container(image: str) -> None:
    samples = list(lifelong_agent.build(Options(data=shared("lifelong-agent/os_interaction.jsonl"), subset="os_interaction")).samples)
    for sample in samples:
        right = await verdict_of(sample, reference_reply(sample), scorer=shell(image))
        assert right.is_correct, right.details
        for wrong in ("true", "exit 0", "("):
            assert (await verdict_of(sample, f"```bash\n{wrong}\n```", scorer=shell(image))).is_correct is False


@pytest.mark.parametrize(
    ("script", "right"),
    [
        ("grep -c oak /app/stools > /app/count", True),
        ("echo 2 > /app/count; exit 125", True),
        ("echo 2 > /app/count; kill -9 -1", True),
        ("echo 2 > /app/count; sleep 60", True),
        ("echo 3 > /app/count", False),
        ("true", False),
        ("kill -9 -1; kill -9 1", False),
        ("exit 125", False),
        ("rm -rf /bin /usr", False),
    ],
)
async def test_the_check_decides_whatever_a_script_does(image: str, script: str, right: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifelong_scoring, "COMMAND_SECONDS", 3.0)
    sample = shell_task("printf 'oak\nash\noak\n' > /app/stools", '[ "$(cat /app/count)" = 2 ]')
    verdict = await verdict_of(sample, f"```bash\n{script}\n```", scorer=shell(image))
    assert (verdict.is_correct, verdict.value, verdict.metrics) == (right, float(right), {"turns_of_one": 1.0})


async def test_what_fails_before_the_script_is_ours(image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await shell(image).prepare(Instruments())
    with pytest.raises(SandboxError, match=r"absent:1.*docker build"):
        await shell("absent:1").prepare(Instruments())
    script = "```bash\ntrue\n```"
    with pytest.raises(ScorerError, match="could not be started"):
        await verdict_of(shell_task("true", "true"), script, scorer=shell("localhost:1/absent:1"))
    with pytest.raises(ScorerError, match="initialisation failed"):
        await verdict_of(shell_task("exit 3", "true"), script, scorer=shell(image))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/socket")
    with pytest.raises(ScorerError, match="could not be started"):
        await verdict_of(shell_task("true", "true"), script, scorer=shell(image))
    with pytest.raises(SandboxError, match="systemctl start docker"):
        await shell(image).prepare(Instruments())


async def test_the_doors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for families, said in (
        (("knowledge_graph",), "Freebase"),
        (("os_interaction",), "docker"),
        (("db_bench", "knowledge_graph"), "15 turns"),
    ):
        with pytest.raises(SandboxError, match=said):
            await LifelongAgent(families=families).prepare(Instruments())
        await LifelongAgent(families=families, answers="recorded").prepare(Instruments())
    await LifelongAgent().prepare(Instruments())


@pytest.mark.parametrize("attack", attacks("SELECT 1", "SELECT wood, price FROM stools").values(), ids=attacks("", "").keys())
async def test_no_verdict_is_taken_from_the_program(attack: str) -> None:
    verdict = await verdict_of(ASKED, f"```sql\n{attack}\n```")
    assert (verdict.value, verdict.is_correct) == (0.0, False)


async def test_printing_a_result_forges_none() -> None:
    forged = json.dumps([{"rows": [["oak", 180], ["oak", 150]], "error": None, "state": []}] * 2)
    assert (await verdict_of(ASKED, f"```sql\nSELECT '{forged}';\n```")).is_correct is False
