"""One request a sample."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from tripos.backends.backend import BackendSettings, backend
from tripos.core.records import Completion, GenerationParams, Message, Sample

if TYPE_CHECKING:
    from tripos.engines.endpoint import Endpoint


@backend("direct", summary="One request a sample, local or hosted (also: jarvis-direct)")
class Direct:
    """The rendered prompt goes to the model as it is; its reply is the candidate."""

    def __init__(self, endpoint: Endpoint, params: GenerationParams, settings: BackendSettings) -> None:
        self._generate, self._params = endpoint.generate, params

    def identity(self) -> str:
        """A direct answer has no settings of its own."""
        return "direct"

    def answer(
        self, sample: Sample, messages: Sequence[Message], attempt: int, context: dict[str, Any] | None
    ) -> Coroutine[Any, Any, Completion]:
        """See `Backend.answer`."""
        return self._generate(messages, self._params, context=context)
