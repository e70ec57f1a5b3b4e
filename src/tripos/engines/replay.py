"""Answers from a recording: any run again, offline and without keys.

The run layer opens the recording (a results file, a run of the event store) and gives it in `options`; this engine only
hands its answers out. A sample that is not in the recording is a failure with a name, never a silent gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from tripos.core.errors import ConfigError, EngineError
from tripos.core.records import Completion, GenerationParams, Message
from tripos.engines.engine import EngineSettings, Preflight, engine


class Recording(Protocol):
    """Stored answers.

    Attributes:
        source: shown in messages.
        identity: changes when other answers are recorded at the same place; part of the identity of a replayed trial.
        simulated: no model gave them in the first place.
    """

    source: str
    identity: str
    simulated: bool

    def lookup(self, record_id: str, attempt: int, variant: str) -> Completion | None:
        """The answer to a sample, asked in one way (prompt variant) for the n-th time; None where there is none."""
        ...

    def close(self) -> None:
        """Releases the file or the connection."""
        ...


@engine("replay")
class Replay:
    """Option `recording`: a `Recording`."""

    key = "replay"

    def __init__(self, settings: EngineSettings) -> None:
        recording = settings.options.get("recording")
        if recording is None:
            raise ConfigError("the replay engine needs a recording: --replay FILE.jsonl, a store (.db) or a run id")
        self.recording: Recording = recording
        self.simulated = self.recording.simulated
        self.endpoint_id = f"replay:{self.recording.source}"

    async def preflight(self) -> Preflight:
        """A recording is local."""
        warnings = (f"{self.recording.source}: its answers are SIMULATED, no model was asked",) if self.simulated else ()
        return Preflight(None, None, warnings)

    async def generate(
        self,
        messages: Sequence[Message],
        params: GenerationParams,
        *,
        tools: Sequence[dict[str, Any]] = (),
        context: dict[str, Any] | None = None,
    ) -> Completion:
        """The recorded completion, as it was; `context` names it by `record_id`, `attempt` and `variant`."""
        where = context or {}
        record_id, attempt, variant = str(where.get("record_id", "")), int(where.get("attempt", 0)), str(where.get("variant", "default"))
        found = self.recording.lookup(record_id, attempt, variant)
        if found is None:
            which = f"attempt {attempt}" if variant == "default" else f"prompt variant {variant}, attempt {attempt}"
            raise EngineError(f"{self.recording.source} holds no answer for {record_id} ({which})", kind="not_found")
        return found

    async def close(self) -> None:
        """Closes the recording."""
        self.recording.close()
