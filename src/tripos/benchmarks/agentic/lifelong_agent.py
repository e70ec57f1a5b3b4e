"""LifelongAgentBench: tasks on a database, a knowledge graph and an operating system, meant to be learnt from one after another.

Source: `csyq/LifelongAgentBench` on the hub (no licence seen), split train; `--subset` is db_bench (500 tasks, the default),
os_interaction (500), knowledge_graph (396) or all. Columns: `sample_index`, `skill_list`, and of db_bench `instruction`, `table_info`
{name, row_list, column_info_list}, `answer_info` {md5, direct, sql}; of knowledge_graph `question`, `entity_dict`, `action_list`,
`answer_list`, …; of os_interaction `instruction`, `initialization_command_item`, `evaluation_info`. Nested fields may be texts (JSON or
Python literals).

Scoring, official (`lifelong_tables.py`): a query's answer has the expected rows in their order; a change leaves the expected table; a
shell task ends with an evaluation script that exits with 0; a question to the graph has exactly the expected set of answers.

**A single reply** (backend `direct`) is not the lifelong protocol: no earlier tasks, no look at what a first step did. db_bench asks for
one SQL program, blind but for the columns, played on SQLite in the sandbox; a query is graded by the rows it returns, a change by the
table it leaves, against the table that the reference statement leaves. os_interaction asks for one script, played in a container of
`--setting image=…`. knowledge_graph needs its Freebase server and turns: refused. `turns_of_one` among the aggregates is the share of
answers that were such single replies. With `--setting answers=recorded` recorded conversations in the official protocol are graded:
db_bench replays their statements and reads the final answer, the others go by the environment's recorded word (`environments.py`; for
the graph its field `answers`).

Deviations: SQLite for MySQL. Text ignores case and accents as there; a task whose reference statement SQLite cannot play, or answers
otherwise than stored, is invalid for a single reply and says why; `md5_reproduced` says where SQLite leaves the very table whose digest
is stored; a recorded change that SQLite cannot play stays unscored. Officially the reply that a query's conversation never gives counts
as right where no row is expected; here it is wrong.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from tripos.benchmarks.agentic.environments import answers_of
from tripos.benchmarks.agentic.lifelong_scoring import LifelongAgent
from tripos.benchmarks.benchmark import Benchmark, Case, Options, Source, benchmark, refuse
from tripos.benchmarks.local_files import Row
from tripos.benchmarks.sources import huggingface, text
from tripos.core.errors import ConfigError, unknown
from tripos.core.records import JSON, Sample
from tripos.scoring.fenced import LastBlock

KEY = "lifelong-agent"
REPOSITORY = "csyq/LifelongAgentBench"
COLUMNS = {
    "db_bench": ("sample_index", "instruction", "table_info", "answer_info"),
    "os_interaction": ("sample_index", "instruction", "initialization_command_item", "evaluation_info"),
    "knowledge_graph": ("sample_index", "question", "entity_dict", "answer_list"),
}
FAMILIES = tuple(COLUMNS)
IMAGE = "local-os/default"


@benchmark(
    KEY,
    category="agentic",
    summary="Sequential task learning across sessions",
    size="500 (knowledge_graph 396, os_interaction 500, all 1,396)",
    licence="none stated",
    source=REPOSITORY,
    settings=("answers", "image"),
    official="rows in their order, the table left, a check that exits with 0, or the set of answers",
    deviates="SQLite for MySQL; one reply, no earlier tasks or turns; a missing answer is wrong even where no row is due",
    also_needs="Docker for `os_interaction`; recorded sessions for `knowledge_graph` and for the published setting",
    calibrated="0.1.0",
)
def lifelong_agent(options: Options) -> Benchmark:
    """One family of tasks, or all; `image` is the container of os_interaction."""
    refuse(KEY, options, "shots", "judge")
    subset, split = options.subset or "db_bench", options.split or "train"
    if subset not in (*FAMILIES, "all"):
        raise ConfigError(f"{KEY}: {unknown('subset', subset, (*FAMILIES, 'all'))}")
    families = FAMILIES if subset == "all" else (subset,)
    sources = [_source(family, split, options) for family in families]
    return Benchmark(
        samples=sources[0] if len(sources) == 1 else Families(tuple(sources)),
        prompt=ask,
        transform=LastBlock(("sql", "mysql", "sqlite", "bash", "sh", "shell")),
        scorer=LifelongAgent(families=families, answers=answers_of(KEY, options), image=options.setting("image", IMAGE)),
        perfect=reference_reply,
        per_subject=("kind",),
        calibration=calibration,
    )


def _source(family: str, split: str, options: Options) -> Source:
    return huggingface(
        REPOSITORY,
        key=KEY,
        split=split,
        config=family,
        data=options.data,
        columns=COLUMNS[family],
        to_sample=_READERS[family],
    )


@dataclass(frozen=True)
class Families:
    """Several families, one after another."""

    sources: tuple[Source, ...]
    endless: bool = False

    def __iter__(self) -> Iterator[Sample]:
        return chain.from_iterable(self.sources)

    def fingerprint(self) -> dict[str, str | int | None]:
        """Of every family its own, the names with the family's in front."""
        found = {family: source.fingerprint() for family, source in zip(FAMILIES, self.sources, strict=True)}
        return {f"{family}_{name}": value for family, entries in found.items() for name, value in entries.items()}


# ------------------------------------------------------------------------------------------------------------- rows


def read_table_task(row: Row) -> Sample:
    """A row of db_bench; `reference` holds the expected rows or the digest, and the reference statement.

    Raises:
        ValueError: neither or both of the two, no statement, or a table that cannot be read.
    """
    table, answer = literal(row["table_info"]), literal(row["answer_info"])
    columns = [[str(column["name"]), str(column["type"])] for column in literal(table["column_info_list"])]
    rows = [list(cells) for cells in literal(table["row_list"])]
    if not columns or any(len(cells) != len(columns) for cells in rows):
        raise ValueError("table_info.row_list does not fit its columns")
    direct, md5, statement = literal(answer.get("direct")), answer.get("md5") or None, text(answer, "sql")
    if (direct is None) == (md5 is None):
        raise ValueError("answer_info must have exactly one of direct and md5")
    kind = "md5" if md5 else "direct"
    return Sample(
        record_id=f"lifelong-db-{row['sample_index']}",
        input=text(row, "instruction"),
        reference={"sql": statement, "md5": md5, "rows": None if direct is None else [list(cells) for cells in direct]},
        subject=f"db_{kind}",
        dimensions={"kind": statement.split()[0].lower()},
        metadata={"family": "db_bench", "table": {"name": str(table["name"]), "columns": columns, "rows": rows}},
    )


def read_shell_task(row: Row) -> Sample:
    """A row of os_interaction; `reference` holds the scripts that evaluate and that solve it."""
    begin, evaluation = literal(row["initialization_command_item"]), literal(row["evaluation_info"])
    check, solution = literal(evaluation["evaluation_command_item"]), literal(evaluation.get("ground_truth_command_item")) or {}
    for item in (begin, check):
        if item["command_name"] not in ("bash", "python"):
            raise ValueError(f"command_name {item['command_name']!r} is neither bash nor python")
    return Sample(
        record_id=f"lifelong-os-{row['sample_index']}",
        input=text(row, "instruction"),
        reference={"check": dict(check), "solution": str(solution.get("script") or "")},
        subject="os_interaction",
        dimensions={"kind": "shell"},
        metadata={"family": "os_interaction", "begin": dict(begin)},
    )


def read_graph_task(row: Row) -> Sample:
    """A row of knowledge_graph; `reference` holds the set of answers."""
    answers = sorted({str(one) for one in literal(row["answer_list"])})
    if not answers:
        raise ValueError("answer_list is empty")
    steps = [str(one) for one in literal(row.get("action_list")) or ()]
    return Sample(
        record_id=f"lifelong-kg-{row['sample_index']}",
        input=text(row, "question"),
        reference={"answers": answers, "actions": steps},
        subject="knowledge_graph",
        dimensions={"kind": "graph"},
        metadata={"family": "knowledge_graph", "entities": dict(literal(row["entity_dict"]))},
    )


_READERS = {"db_bench": read_table_task, "os_interaction": read_shell_task, "knowledge_graph": read_graph_task}


def literal(value: JSON) -> Any:
    """A nested field as it is, or what its text says as JSON or as a Python literal (`Decimal('1.5')` is its number).

    Raises:
        ValueError: the text says neither.
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        pass
    try:
        return ast.literal_eval(re.sub(r"""Decimal\((["'])([^()"']*)\1\)""", r"\2", value))
    except (SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(f"neither JSON nor a Python literal: {value[:80]!r}") from error


# ---------------------------------------------------------------------------------------------------------- prompts


def ask(sample: Sample) -> str:
    """The task as one reply can do it: an SQL program, a script, or (never paid for) the steps of a graph query."""
    family = sample.metadata["family"]
    if family == "db_bench":
        table = sample.metadata["table"]
        columns = ", ".join(f"{name} ({kind})" for name, kind in table["columns"])
        return (
            f"A SQLite database has one table, `{table['name']}`, with the columns {columns}. Its rows cannot be seen beforehand. Text is "
            f"compared without regard to case and accents.\n\nThe task:\n{sample.question}\n\n"
            "Write the SQL that does it in one go. A question is answered by the rows that your last query returns: just the columns that "
            "are asked for, in the order that is asked for. A change is judged by the table that it leaves.\n\n"
            "Give the whole program in one fenced block that begins with ```sql."
        )
    if family == "os_interaction":
        return (
            f"A task on an Ubuntu machine, where you are root:\n\n{sample.question}\n\n"
            "You cannot look into the machine. Write one bash script that does it when it is run once with nobody watching. "
            "Give the whole script in one fenced block that begins with ```bash."
        )
    entities = ", ".join(sample.metadata["entities"]) or "none"
    return (
        f"A question about the knowledge graph Freebase:\n\n{sample.question}\n\nEntities in it: {entities}\n\nThese calls make variables "
        "#0, #1, … in their order: get_relations(x), get_neighbors(x, relation), intersection(#a, #b), get_attributes(#a), argmax(#a, "
        "attribute), argmin(#a, attribute), count(#a). Reply with one call, `Action: call(arguments)`, or `Final Answer: #n`."
    )


def reference_reply(sample: Sample) -> str:
    """The reference as one reply."""
    family = sample.metadata["family"]
    if family == "db_bench":
        return f"```sql\n{sample.reference['sql']}\n```"
    return f"```bash\n{sample.reference['solution']}\n```" if family == "os_interaction" else f"Action: {sample.reference['actions'][0]}"


# ---------------------------------------------------------------------------------------------------------- calibration


def calibration_task(sql: str, *, rows: list[list[JSON]] | None = None, md5: str | None = None) -> Sample:
    """A table of stools and a task on it; the digest of a change is that of MySQL."""
    columns = [{"name": "id", "type": "INT"}, {"name": "wood", "type": "TEXT"}, {"name": "price", "type": "INT"}]
    stools = [[1, "oak", 180], [2, "pine", 90], [3, "oak", 150], [4, "ash", 90]]
    return read_table_task(
        {
            **{"sample_index": f"calibration-{'direct' if md5 is None else 'md5'}", "skill_list": ["select"]},
            "instruction": "The wood and price of the two dearest stools?" if md5 is None else "Stool 2 costs 95 from now on.",
            "table_info": {"name": "stools", "row_list": stools, "column_info_list": columns},
            "answer_info": {"md5": md5, "direct": rows, "sql": sql},
        }
    )


def calibration() -> Iterator[Case]:
    """SQL that gives the rows or leaves the table passes, however it is written; other rows, orders, tables and words fail."""
    asked = calibration_task("SELECT wood, price FROM stools ORDER BY price DESC LIMIT 2;", rows=[["oak", 180], ["oak", 150]])
    changed = calibration_task("UPDATE stools SET price = 95 WHERE id = 2;", md5="9e07b521707c322a6c1b63ebcf2342a9")
    other = {
        asked.record_id: "SELECT wood, price FROM stools WHERE wood = 'OAK' ORDER BY 2 DESC",
        changed.record_id: "DELETE FROM stools WHERE id = 2; INSERT INTO stools VALUES (2, 'pine', '95');",
    }
    for sample in (asked, changed):
        yield Case("reference", sample, reference_reply(sample), True)
        yield Case("reference another way", sample, f"So:\n```sql\n{other[sample.record_id]}\n```", True)
        yield Case("reference unlabelled", sample, reference_reply(sample).replace("sql", ""), True)
        yield Case("empty", sample, "", False)
        yield Case("refusal", sample, "I cannot see the table.", False)
        yield Case("echo", sample, ask(sample), False)
        yield Case("garbage", sample, "```sql\nSELEKT qwx;\n```", False)
        yield Case("dump", sample, "```sql\nSELECT * FROM stools;\n```", False)
        yield Case("majority", sample, "```sql\nSELECT wood, price FROM stools ORDER BY price LIMIT 2;\n```", False)
        yield Case("dropped", sample, "```sql\nDROP TABLE stools;\n```", False)
        yield Case(
            "endless", sample, "```sql\nWITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n;\n```", False
        )
        yield Case(
            "injection", sample, "Action: Answer\nFinal Answer: [('oak', 180), ('oak', 150)]\n```sql\nSELECT 'is_correct';\n```", False
        )
    yield Case("wrong order", asked, "```sql\nSELECT wood, price FROM stools WHERE wood = 'oak' ORDER BY price;\n```", False)
    yield Case("too much", changed, "```sql\nUPDATE stools SET price = 95 WHERE price = 90;\n```", False)
