"""How the three families of LifelongAgentBench are graded; see `lifelong_agent`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from tripos.benchmarks.agentic.environments import LIVE, RECORDED, noted, reward_of, shut
from tripos.benchmarks.agentic.lifelong_tables import play, protocol, same_rows, same_state, state_digest, told_rows
from tripos.benchmarks.agentic.trajectory import Trajectory, trajectory
from tripos.core.errors import ScorerError
from tripos.core.records import JSON, Outcome, Sample, Verdict
from tripos.scoring.containers import SCRIPT, container, image_missing
from tripos.scoring.harness import docker_missing
from tripos.scoring.scorer import Answer, Instruments, Rows, means, scorer
from tripos.scoring.structured import f1, graded, unreadable

COMMAND_SECONDS = 20.0  # what the benchmark gives one command
_GRAPH = "is a server of Freebase (Virtuoso, port 3001), asked in up to 15 turns that a single reply cannot have"
_BUILD = "build it in a checkout of LifelongAgentBench: docker build -f scripts/dockerfile/os_interaction/default "
_BUILD += "scripts/dockerfile/os_interaction --tag local-os/default; or name another with --setting image=ubuntu:24.04 after docker pull"


@scorer("lifelong_agent")
@dataclass(frozen=True)
class LifelongAgent:
    """Right or wrong by the rule of the task's family.

    Args:
        families: those that are asked; they say what is needed.
        answers: "live" or "recorded".
        image: the container of os_interaction.
    """

    families: tuple[str, ...] = ("db_bench",)
    answers: str = LIVE
    image: str = "local-os/default"

    name: ClassVar[str]
    version: ClassVar[str] = "2"

    @property
    def needs(self) -> frozenset[str]:
        """The sandbox for SQL; a container for shell tasks that are not recorded."""
        shell = {"docker"} if "os_interaction" in self.families and self.answers == LIVE else set()
        return frozenset({"sandbox"} | shell) if "db_bench" in self.families else frozenset(shell)

    async def prepare(self, instruments: Instruments) -> None:
        """Refuses where nothing could be graded.

        Raises:
            SandboxError: the graph's server, Docker or the image is missing; says what mends it.
        """
        if self.answers == RECORDED:
            return
        if "knowledge_graph" in self.families:
            shut("lifelong-agent", "asks a knowledge graph, which cannot be had here", f"the graph {_GRAPH}")
        if "os_interaction" in self.families:
            missing = docker_missing() or image_missing(self.image, _BUILD)
            shut("lifelong-agent", "plays shell tasks in containers, which cannot be had here", missing)

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """The verdict.

        Raises:
            ScorerError, SandboxError: we could not grade it.
        """
        family = sample.metadata["family"]
        if self.answers == RECORDED:
            path = trajectory(answer.completion, answer.text)
            if family == "db_bench":
                return await _table_talk(sample, answer, [words for _, words in path.said], instruments)
            if family == "knowledge_graph":
                return _graph_talk(sample, answer, path)
            reward = reward_of(path)
            return graded(answer, reward, reward == 1, metrics={"turns_of_one": 0.0}, details={"trajectory": True})
        if family == "knowledge_graph":
            raise ScorerError("a single reply to a graph question cannot be graded")
        return await (_table_reply(sample, answer, instruments) if family == "db_bench" else self._shell_reply(sample, answer))

    async def _shell_reply(self, sample: Sample, answer: Answer) -> Verdict:
        script = answer.extraction.answer
        if not isinstance(script, str):
            return unreadable(answer, answer.extraction.how, {"turns_of_one": 1.0})
        begin, check = sample.metadata["begin"], sample.reference["check"]
        async with container(self.image) as box:
            began = await box.run(_command(begin), seconds=COMMAND_SECONDS)
            if began.returncode != 0:
                raise ScorerError(f"{sample.record_id}: its initialisation failed: {began.said[-300:]}")
            await box.write(SCRIPT, script)
            played = await box.run(["bash", SCRIPT], seconds=COMMAND_SECONDS)
            checked = await box.run(_command(check), seconds=COMMAND_SECONDS)
        right = checked.returncode == 0
        details: dict[str, JSON] = {"exit": played.returncode, "said": played.said[-500:], "check_exit": checked.returncode}
        return graded(answer, float(right), right, metrics={"turns_of_one": 1.0}, details=details)

    def aggregate(self, rows: Rows) -> dict[str, float | None]:
        """`turns_of_one`: the share of graded answers that were a single reply; `md5_reproduced`: of changes, see `lifelong_agent`."""
        return means(rows, ["turns_of_one", "md5_reproduced"])


def _command(item: Mapping[str, JSON]) -> list[str]:
    return ["python3" if item["command_name"] == "python" else "bash", "-c", str(item["script"])]


async def _table_reply(sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
    program, want, table = answer.extraction.answer, sample.reference, sample.metadata["table"]
    if not isinstance(program, str):
        return unreadable(answer, answer.extraction.how, {"runs": 0.0, "turns_of_one": 1.0})
    gold, given = await play(instruments.sandbox, table, [want["sql"], program])
    why = _unfit(sample, gold)
    if why:
        return Verdict(value=None, is_correct=None, outcome=Outcome.SAMPLE_INVALID, details={"why": why})
    metrics: dict[str, float | None] = {"runs": float(given["error"] is None), "turns_of_one": 1.0}
    details: dict[str, JSON] = {"error": given["error"], "trajectory": False}
    if want["md5"] is None:
        right = given["error"] is None and given["rows"] is not None and same_rows(want["rows"], given["rows"])
        details |= {"rows": (given["rows"] or [])[:20], "expected": want["rows"][:20]}
    else:
        right = given["error"] is None and same_state(gold["state"], given["state"])
        metrics["md5_reproduced"] = float(state_digest(gold["state"], _types(sample)) == want["md5"])
    return graded(answer, float(right), right, metrics=metrics, details=details)


def _unfit(sample: Sample, gold: Mapping[str, JSON]) -> str | None:
    """Why SQLite cannot grade this task, None where it can."""
    want = sample.reference
    if gold["error"] is not None:
        return f"SQLite cannot play the reference statement, which is MySQL's: {gold['error']}"
    if want["md5"] is None and not (gold["rows"] is not None and same_rows(want["rows"], gold["rows"])):
        return "SQLite answers the reference statement otherwise than MySQL did"
    return "the reference statement leaves no table" if gold["state"] is None else None


async def _table_talk(sample: Sample, answer: Answer, said: Sequence[str], instruments: Instruments) -> Verdict:
    want = sample.reference
    asked, told = protocol(said)
    metrics: dict[str, float | None] = {"turns_of_one": 0.0, "statements": float(len(asked))}
    details: dict[str, JSON] = {"answer": told, "statements": asked[:20], "trajectory": True}
    if want["md5"] is None:
        right = told is not None and told_rows(want["rows"], told)
        return graded(answer, float(right), right, metrics=metrics, details=details | {"expected": want["rows"][:20]})
    table = sample.metadata["table"]
    gold, after = await play(instruments.sandbox, table, [want["sql"], "; ".join(asked)])
    why = _unfit(sample, gold)
    if why:
        return Verdict(value=None, is_correct=None, outcome=Outcome.SAMPLE_INVALID, details={"why": why})
    if after["error"] is not None:
        raise ScorerError(f"SQLite cannot play a recorded statement, so what it did is not known: {after['error']}")
    types = _types(sample)
    right = same_state(gold["state"], after["state"]) or state_digest(after["state"], types) == want["md5"]
    metrics["md5_reproduced"] = float(state_digest(gold["state"], types) == want["md5"])
    return graded(answer, float(right), right, metrics=metrics, details=details)


def _types(sample: Sample) -> list[str]:
    return [kind for _, kind in sample.metadata["table"]["columns"]]


def _graph_talk(sample: Sample, answer: Answer, path: Trajectory) -> Verdict:
    note = noted(path, "answers")
    if note is None or not isinstance(note["answers"], list):
        raise ScorerError('this answer has no recorded turn {"role": "environment", "answers": [...]}, so what it found is not known')
    wanted, given = set(sample.reference["answers"]), {str(one) for one in note["answers"]}
    score = f1(len(wanted & given), found=len(given), expected=len(wanted))
    details: dict[str, JSON] = {"answers": sorted(given)[:50], "expected": sorted(wanted)[:50], "trajectory": True}
    metrics: dict[str, float | None] = {"f1": score, "executable": float(bool(given)), "turns_of_one": 0.0}
    return graded(answer, score, given == wanted, metrics=metrics, details=details)
