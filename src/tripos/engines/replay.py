"""Answers from a recording: any run again, offline and without keys.

The run layer gives a `lookup` (in `options`) that finds the stored completion of a sample and attempt, from the event
store or from a results file; this engine only hands it out. A sample that is not in the recording is a failure with a
name, never a silent gap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tripos.core.errors import ConfigError, EngineError
from tripos.core.records import Completion, GenerationParams, Message
from tripos.engines.engine import EngineSettings, Preflight, engine

Lookup = Callable[[str, int], Completion | None]


@engine("replay")
class Replay:
    """Option `lookup`: (record_id, attempt) -> Completion or None. Option `source` is shown in messages."""

    key = "replay"
    simulated = False

    def __init__(self, settings: EngineSettings) -> None:
        lookup = settings.options.get("lookup")
        if lookup is None:
            raise ConfigError("the replay engine needs a recording: --replay FILE.jsonl, a store (.db) or a run id")
        self.lookup: Lookup = lookup
        self.source = str(settings.options.get("source", "recording"))
        self.endpoint_id = f"replay:{self.source}"

    async def preflight(self) -> Preflight:
        """A recording is local."""
        return Preflight(None)

    async def generate(
        self,
        messages: Sequence[Message],
        params: GenerationParams,
        *,
        tools: Sequence[dict[str, Any]] = (),
        context: dict[str, Any] | None = None,
    ) -> Completion:
        """The recorded completion, as it was."""
        where = context or {}
        record_id, attempt = str(where.get("record_id", "")), int(where.get("attempt", 0))
        found = self.lookup(record_id, attempt)
        if found is None:
            raise EngineError(f"{self.source} holds no answer for {record_id} (attempt {attempt})", kind="not_found")
        return found

    async def close(self) -> None:
        """Nothing to close."""
