"""Models run in this process by Hugging Face transformers: a directory, or an id of the hub (its cache when offline).

One request at a time in one worker thread, so that the event loop never waits and two generations never share a random
state. What is asked is what is done: the model's own sampling defaults (its generation_config.json) are not mixed in,
only its end-of-text tokens. For throughput serve the model with vLLM instead.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tripos.core.errors import ConfigError, EngineError
from tripos.core.records import Completion, GenerationParams, Message, Usage, text_of
from tripos.engines.discovery import api_key_for
from tripos.engines.engine import EngineSettings, Preflight, engine
from tripos.engines.hosted import missing_package, refused


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: Any
    tokenizer: Any
    context_tokens: int | None


@engine("transformers")
class Transformers:
    """One model. Options: `device` (auto, cpu, cuda, cuda:1, mps), `dtype` (auto, float32, bfloat16, …), `revision`."""

    key = "transformers"
    simulated = False

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.endpoint_id = f"transformers:{settings.model}"
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="transformers")
        self._loaded: _Loaded | None = None

    async def preflight(self) -> Preflight:
        """Loads the model."""
        loaded = await asyncio.get_running_loop().run_in_executor(self._worker, self._load)
        plain = f"{self.settings.model} has no chat template: messages are joined as plain text"
        warnings = () if loaded.tokenizer.chat_template else (plain,)
        return Preflight(None, (self.settings.model,), warnings)

    async def generate(
        self,
        messages: Sequence[Message],
        params: GenerationParams,
        *,
        tools: Sequence[dict[str, Any]] = (),
        context: dict[str, Any] | None = None,
    ) -> Completion:
        """One generation; latency does not count the wait for the ones before it. See `Engine`."""
        if tools:
            raise refused(self.key, "tools: serve the model with vllm (--enable-auto-tool-choice) to use them")
        abandoned = threading.Event()
        try:
            async with asyncio.timeout(self.settings.timeout_seconds):
                return await asyncio.get_running_loop().run_in_executor(self._worker, self._answer, tuple(messages), params, abandoned)
        except TimeoutError as error:
            raise EngineError(f"no answer within {self.settings.timeout_seconds:g} s", kind="timeout", retryable=True) from error
        finally:
            abandoned.set()  # the thread stops at its next token if nobody waits for it any more

    async def close(self) -> None:
        """Frees the model."""
        self._worker.shutdown(wait=False, cancel_futures=True)
        self._loaded = None

    def _load(self) -> _Loaded:
        if self._loaded is None:
            self._loaded = _load(self.settings)
        return self._loaded

    def _answer(self, messages: tuple[Message, ...], params: GenerationParams, abandoned: threading.Event) -> Completion:
        loaded = self._load()
        extra = dict(params.extra)
        prompt = _prompt(loaded, messages, extra.pop("chat_template_kwargs", {})).to(loaded.model.device)
        prompt_tokens = int(prompt["input_ids"].shape[1])
        room = _room(loaded, prompt_tokens, params.max_tokens)
        clock = _Clock(time.time(), time.perf_counter())
        try:
            output = _generate(loaded, prompt, _settings(loaded, params, room, extra), params, _Watch(clock, abandoned))
        except (ValueError, TypeError) as error:
            raise EngineError(f"{self.settings.model} cannot generate with these parameters: {error}", kind="bad_request") from error
        latency = time.perf_counter() - clock.began
        made = output[0, prompt_tokens:].tolist()
        text, finish = _read(loaded, made, params.stop)
        usage = Usage(prompt_tokens=prompt_tokens, completion_tokens=len(made))
        return Completion(
            text=text,
            finish_reason=finish,
            usage=usage,
            latency_seconds=latency,
            ttft_seconds=clock.first_token_seconds,
            started_at=clock.started_at,
            model=self.settings.model,
            raw=json.dumps({"model": self.settings.model, "text": text, "finish_reason": finish, "token_ids": made}),
        )


@dataclass(slots=True)
class _Clock:
    started_at: float
    began: float
    first_token_seconds: float | None = None


class _Watch:
    """Follows a generation token by token (the interface of a streamer and of a stopping criterion)."""

    def __init__(self, clock: _Clock, abandoned: threading.Event) -> None:
        self.clock, self.abandoned = clock, abandoned
        self._prompt_seen = False

    def put(self, tokens: Any) -> None:
        """The first call brings the prompt, the second the first token."""
        if self._prompt_seen and self.clock.first_token_seconds is None:
            self.clock.first_token_seconds = time.perf_counter() - self.clock.began
        self._prompt_seen = True

    def end(self) -> None:
        """Part of the interface."""

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        import torch

        return torch.full((input_ids.shape[0],), self.abandoned.is_set(), device=input_ids.device, dtype=torch.bool)


def _load(settings: EngineSettings) -> _Loaded:
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging as chatter
    except ImportError as error:
        raise missing_package("transformers", error) from error
    chatter.disable_progress_bar()
    options = settings.options
    unused = set(options) - {"device", "dtype", "revision", "engine"}
    if unused:
        raise ConfigError(f"engine 'transformers' has no option {sorted(unused)[0]!r}; it has device, dtype, revision")
    source = {"revision": options.get("revision", "main"), "token": settings.api_key or api_key_for("transformers")}
    try:
        tokenizer = AutoTokenizer.from_pretrained(settings.model, **source)
        model = AutoModelForCausalLM.from_pretrained(settings.model, dtype=options.get("dtype", "auto"), **source)
        model = model.to(_device(torch, str(options.get("device", "auto")))).eval()
    except (OSError, ValueError, RuntimeError) as error:
        gone = isinstance(error, OSError) and not Path(settings.model).is_dir()
        lines = " ".join(str(error).split())[:500]
        raise EngineError(f"transformers cannot load {settings.model!r}: {lines}", kind="not_found" if gone else "bad_request") from error
    config = model.config.get_text_config()
    return _Loaded(model, tokenizer, getattr(config, "max_position_embeddings", None))


def _device(torch: Any, wanted: str) -> str:
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _prompt(loaded: _Loaded, messages: tuple[Message, ...], template: dict[str, Any]) -> Any:
    if any(not isinstance(m.content, str) and any(p.get("type") != "text" for p in m.content) for m in messages):
        raise refused("transformers", "images")
    tokenizer = loaded.tokenizer
    if not tokenizer.chat_template:
        return tokenizer("\n\n".join(text_of(m.content) for m in messages), return_tensors="pt", return_token_type_ids=False)
    from jinja2.exceptions import TemplateError

    plain = [{"role": m.role, "content": text_of(m.content)} for m in messages]
    try:
        return tokenizer.apply_chat_template(plain, add_generation_prompt=True, return_tensors="pt", return_dict=True, **template)
    except TemplateError as error:
        raise EngineError(f"the model's chat template refuses these messages: {error}", kind="bad_request") from error


def _room(loaded: _Loaded, prompt_tokens: int, max_tokens: int) -> int:
    if loaded.context_tokens is None:
        return max_tokens
    left = loaded.context_tokens - prompt_tokens
    if left < 1:
        raise EngineError(f"the prompt has {prompt_tokens} tokens, the model takes {loaded.context_tokens}", kind="context_length")
    return min(max_tokens, left)


def _settings(loaded: _Loaded, params: GenerationParams, room: int, extra: dict[str, Any]) -> Any:
    from transformers import GenerationConfig

    for name in extra:
        if not hasattr(GenerationConfig(), name):
            raise refused("transformers", f"{name!r}: it is no setting of transformers' GenerationConfig")
    own = loaded.model.generation_config
    sampling: dict[str, Any] = {"do_sample": False}
    if params.temperature > 0:  # top_k would be 50 if it were not switched off
        top_p = 1.0 if params.top_p is None else params.top_p
        sampling = {"do_sample": True, "temperature": params.temperature, "top_p": top_p, "top_k": 0}
    ends = own.eos_token_id if own.eos_token_id is not None else loaded.tokenizer.eos_token_id
    first_end = ends[0] if isinstance(ends, list) else ends
    return GenerationConfig(
        max_new_tokens=room,
        bos_token_id=own.bos_token_id,
        eos_token_id=ends,
        pad_token_id=own.pad_token_id if own.pad_token_id is not None else first_end,
        stop_strings=list(params.stop) or None,
        **{**sampling, **extra},
    )


def _generate(loaded: _Loaded, prompt: Any, settings: Any, params: GenerationParams, watch: _Watch) -> Any:
    import torch
    from transformers import StoppingCriteriaList

    with torch.random.fork_rng(), torch.inference_mode():
        if params.seed is not None:
            torch.manual_seed(params.seed)
        else:
            torch.seed()
        return loaded.model.generate(
            **prompt,
            generation_config=settings,
            streamer=watch,
            stopping_criteria=StoppingCriteriaList([watch]),
            tokenizer=loaded.tokenizer,
        )


def _read(loaded: _Loaded, made: list[int], stop: tuple[str, ...]) -> tuple[str, str]:
    """The text without special tokens and without the stop string, and why it ended."""
    tokenizer = loaded.tokenizer
    text: str = tokenizer.decode(made, skip_special_tokens=True)
    ends = loaded.model.generation_config.eos_token_id
    ends = {tokenizer.eos_token_id} if ends is None else set(ends if isinstance(ends, list) else [ends])
    stopped = any(s in tokenizer.decode(made) for s in stop)  # a stop string may be a special token, which `text` lacks
    if stopped or (made and made[-1] in ends):
        cuts = [at for s in stop if (at := text.find(s)) >= 0]
        return text[: min(cuts)] if cuts else text, "stop"
    return text, "length"
