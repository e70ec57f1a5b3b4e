"""From a model specification to an endpoint that answers: which engine, which key, which limit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from tripos.core.errors import ConfigError, EngineError
from tripos.core.secret import Secret
from tripos.engines.endpoint import Budget, Endpoint
from tripos.engines.engine import EngineSettings, engines
from tripos.engines.limiter import Limiter
from tripos.engines.prices import price_of
from tripos.runs.spec import ModelSpec, RunSpec
from tripos.scoring.scorer import Opened

_OPENAI_LIKE = "openai-compatible"
_KEYLESS = ("replay", "simulated")  # nobody is asked, nothing is paid
_PRICED = ("openai", "anthropic", "google", "gemini")


@dataclass
class Endpoints:
    """All endpoints of one command, and what its scorers opened. Models behind the same server and account share one limit."""

    budget: Budget = field(default_factory=Budget)
    warnings: list[str] = field(default_factory=list)
    opened: Opened = field(default_factory=Opened)
    _endpoints: dict[tuple[Any, ...], Endpoint] = field(default_factory=dict)
    _limiters: dict[str, Limiter] = field(default_factory=dict)

    async def candidate(self, spec: RunSpec) -> Endpoint:
        """The endpoint of the model under examination, checked.

        Raises:
            ConfigError, EngineError: it cannot be had; nothing was paid.
        """
        endpoint = await self._get(spec.model, spec)
        if endpoint.counters.requests == 0:
            await self._preflight(endpoint)
        return endpoint

    async def judge(self, spec: RunSpec) -> Endpoint:
        """The endpoint of the judge. One that does not answer now is a warning: it can be asked later by the same command."""
        endpoint = await self._get(spec.judge.model, spec, stream=False)
        if endpoint.counters.requests == 0:
            try:
                await self._preflight(endpoint)
            except EngineError as error:
                if not error.retryable:
                    raise
                self._warn(f"the judge does not answer: {error}. Answers will be kept; run the same command again to have them judged.")
        return endpoint

    def every(self) -> tuple[Endpoint, ...]:
        """All that were asked for so far."""
        return tuple(self._endpoints.values())

    async def close(self) -> None:
        """Closes all engines, and what scorers opened."""
        await self.opened.close()
        for endpoint in self._endpoints.values():
            await endpoint.engine.close()

    async def _preflight(self, endpoint: Endpoint) -> None:
        for warning in (await endpoint.engine.preflight()).warnings:
            self._warn(warning)

    def _warn(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings.append(warning)

    async def _get(self, model: ModelSpec, spec: RunSpec, *, stream: bool | None = None) -> Endpoint:
        key, base_url, served = await engine_of(model)
        streamed = spec.streams if stream is None else stream
        limits = spec.request_timeout_seconds, spec.stall_seconds
        recorded = spec.benchmark if key == "replay" else ""
        api_key = None if key in _KEYLESS else _key(model)
        account = hashlib.sha256(api_key.encode()).hexdigest() if api_key else ""
        name = (key, base_url, model.name, streamed, limits, str(sorted(model.options.items())), recorded, account)
        if name not in self._endpoints:
            settings = EngineSettings(
                model=served,
                base_url=base_url,
                api_key=api_key,
                timeout_seconds=spec.request_timeout_seconds,
                stall_seconds=spec.stall_seconds,
                stream=streamed,
                options=_options(key, model, spec),
            )
            engine = engines.get(key)(settings)
            limit = None if spec.max_workers == "auto" else int(spec.max_workers)
            limiter = self._limiters.setdefault(engine.endpoint_id, Limiter(limit))
            self._endpoints[name] = Endpoint(engine, limiter, budget=self.budget, timeout_seconds=spec.request_timeout_seconds)
            self._warn_of_unknown_price(model.name, key, hosted=getattr(engine, "hosted", True))
        return self._endpoints[name]

    def _warn_of_unknown_price(self, model: str, key: str, *, hosted: bool) -> None:
        priced = key in _PRICED and hosted and price_of(model) is not None
        if self.budget.max_cost_usd is not None and key not in _KEYLESS and not priced:
            self._warn(f"--max-cost cannot hold {model} back: its price is not known")


async def engine_of(model: ModelSpec) -> tuple[str, str | None, str]:
    """(engine key, base URL, the server's name) of a model: a URL means the OpenAI protocol, `cloud` goes by name, `auto` looks around.

    Raises:
        ConfigError: nothing fits; the message says what was tried.
    """
    from tripos.engines import discovery

    engine = model.engine
    if engine == "cloud" or (engine is None and model.provider):
        return discovery.cloud_engine(model.name, model.provider), model.base_url, model.name
    if model.base_url and engine in (None, "auto"):
        return _OPENAI_LIKE, model.base_url, model.name
    if engine in (None, "auto"):
        found = await discovery.choose(model.name)
        return found.engine, found.base_url, found.model or model.name
    assert engine is not None
    engines.get(engine)
    return engine, model.base_url, model.name


def _options(key: str, model: ModelSpec, spec: RunSpec) -> dict[str, Any]:
    options = {"engine": key, **model.options}
    if key == "replay" and "recording" in options:
        from tripos.runs.recording import open_recording

        options["recording"] = open_recording(str(options["recording"]), spec)
    return options


def _key(model: ModelSpec) -> str | None:
    if isinstance(model.api_key, Secret):
        return model.api_key.reveal()
    if model.api_key_env:
        import os

        value = os.environ.get(model.api_key_env)
        if not value:
            raise ConfigError(f"model {model.name!r}: the environment variable {model.api_key_env} (api_key_env) is not set")
        return value
    return None
