"""Telemetry of one run: meters on this machine, shares as events, and what the summary says of them.

A share is final only when all requests that overlapped it have ended, which is after the answer was recorded. So shares
are events of their own: nothing waits for them, and a kill loses the shares that were not final yet (those samples stay
unmeasured) but never one that was recorded. Each event carries its part of the account, so that the account of a run
that took several processes is the sum over its events.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from tripos.engines.engine import Engine
from tripos.runs.endpoints import Endpoints
from tripos.runs.plan import Plan
from tripos.store.events import Answered, Event, Failed, Measured
from tripos.store.writer import Writer
from tripos.telemetry.attribution import Account, Share
from tripos.telemetry.metered_engine import MeteredEngine, owned
from tripos.telemetry.meters import Meter, choose, why_nothing
from tripos.telemetry.sampler import PERIOD_SECONDS, Sampler


class Measuring:
    """Meters that run from `start` to `close`. Requests of all engines on this machine are noted while they do."""

    def __init__(self, run_id: str, meters: Sequence[Meter], writer: Writer, *, energy: bool) -> None:
        self.run_id, self.meters, self.writer = run_id, meters, writer
        self.sampler = Sampler(meters, self._emit, energy=energy)
        self._told: tuple[dict[str, Any], ...] = tuple(_of(meter) for meter in meters)
        self._wrapped: list[Any] = []

    def start(self, endpoints: Endpoints) -> None:
        """Begins to measure."""
        for endpoint in endpoints.every():
            if is_here(endpoint.engine):
                endpoint.engine = MeteredEngine(endpoint.engine, self.sampler.attribution)
                self._wrapped.append(endpoint)
        self.sampler.start()

    @asynccontextmanager
    async def running(self, endpoints: Endpoints, warn: Callable[[str], None]) -> AsyncIterator[None]:
        """Measures while inside."""
        await asyncio.to_thread(self.start, endpoints)
        try:
            yield
        finally:
            trouble = await asyncio.to_thread(self.close)
            if trouble is not None:
                warn(trouble)

    def owned(self, candidate_id: str) -> AbstractContextManager[None]:
        """Requests inside are a candidate's."""
        return owned(candidate_id)

    def settle(self, events: Iterable[Event]) -> None:
        """To be told of events once they are queued: a candidate that is answered or has failed asks nothing more."""
        for event in events:
            if isinstance(event, (Answered, Failed)):
                self.sampler.attribution.settle(event.candidate_id, time.monotonic(), keep=isinstance(event, Answered))

    def close(self) -> str | None:
        """Ends measuring; returns what went wrong, if something did."""
        for endpoint in self._wrapped:
            endpoint.engine = endpoint.engine.engine
        self.sampler.close()
        error = self.sampler.error
        return (
            None if error is None else f"telemetry stopped before its time ({type(error).__name__}: {error}); later samples are unmeasured"
        )

    def _emit(self, shares: dict[str, Share], account: Account) -> None:
        event = Measured(shares=dict(shares), account=asdict(account), meters=self._told)
        self._told = ()
        self.writer.write(self.run_id, [event])


def measuring(plan: Plan, endpoints: Endpoints, writer: Writer) -> Measuring | None:
    """The telemetry of a run, if it asks for any and there is something to measure; else one warning says why not.

    Raises:
        ConfigError: `energy_vendor` is unknown.
    """
    spec, engine = plan.spec, plan.endpoint.engine
    if not (spec.telemetry or spec.gpu_metrics):
        return None
    meters = choose(spec.energy_vendor)
    trouble = _trouble(engine, spec.energy_vendor) or ("" if meters else why_nothing(spec.energy_vendor))
    if not trouble and not spec.telemetry and meters[0].name == "cpu":
        trouble = "gpu_metrics found no GPU; the CPU's meter knows energy only (--telemetry)"
    if trouble:
        for meter in meters:
            meter.close()
        what = "energy is" if spec.telemetry else "GPU utilisation is"
        _warn(endpoints, f"{what} not measured, its fields stay null. {trouble}")
        return None
    gpus = [device for meter in meters if meter.name != "cpu" for device in meter.devices]
    if len(gpus) > max(1, spec.model.num_gpus):
        _warn(
            endpoints,
            f"telemetry covers {len(gpus)} GPUs ({', '.join(gpus)}), the model is said to use {spec.model.num_gpus}: name those of the "
            "server in CUDA_VISIBLE_DEVICES, or set num_gpus",
        )
    return Measuring(plan.run_id, meters, writer, energy=spec.telemetry)


def _warn(endpoints: Endpoints, warning: str) -> None:
    if warning not in endpoints.warnings:
        endpoints.warnings.append(warning)


def is_here(engine: Engine) -> bool:
    """Whether an engine's model works on this machine: it has no URL (in process), or the URL is one of ours."""
    url = getattr(engine, "url", None)
    if engine.simulated or engine.key == "replay":
        return False
    return url is None or _address_is_ours(urlsplit(str(url)).hostname or "")


def _trouble(engine: Engine, vendor: str) -> str:
    if engine.simulated or engine.key == "replay":
        return f"The engine {engine.key!r} asks no model."
    if is_here(engine):
        return ""
    host = urlsplit(str(getattr(engine, "url", ""))).hostname or ""
    if vendor and not _is_public(host):
        return ""  # a container or a forwarded port: whoever names the vendor says that it is this machine
    return (
        f"The model is served by {host}, whose devices this machine cannot read; run Tripos there"
        + ("" if _is_public(host) else ", or set energy_vendor if it is this machine by another name")
    ) + "."


def _address_is_ours(host: str) -> bool:
    """Only an address of this machine can be bound."""
    with suppress(OSError):
        for family, kind, protocol, _, address in socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM):
            with suppress(OSError), socket.socket(family, kind, protocol) as probe:
                probe.bind(address)
                return True
    return False


def _is_public(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)
    except OSError:
        return True
    return any(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_global for *_, address in found)


def _of(meter: Meter) -> dict[str, Any]:
    return {"name": meter.name, "devices": list(meter.devices), "method": meter.method, "resolution_seconds": meter.resolution_seconds}


def telemetry_summary(events: Iterable[Measured], accuracy: float | None, ipj: float | None) -> dict[str, Any] | None:
    """The block `telemetry` of a summary; None when nothing was measured.

    Args:
        ipj: correct samples per joule, over the samples whose energy is known.

    measured_joules = samples_joules + idle_joules + other_joules + unsettled_joules; the last is what a kill lost, else 0
    up to rounding. `ipw` = accuracy / mean power over the measured time. Both `ipw` and `ipj` are
    ratios of totals, so they do not depend on how many samples there are.
    """
    total: dict[str, float] = asdict(Account())
    meters: list[dict[str, Any]] = []
    for event in events:
        total = {name: value + event.account.get(name, 0.0) for name, value in total.items()}
        meters += [meter for meter in event.meters if meter not in meters]
    if not meters:
        return None
    joules, seconds, energy = total["measured_joules"], total["covered_seconds"], total["covered_seconds"] > 0
    shared = joules - total["idle_joules"]
    power = joules / seconds if energy else None
    return {
        "meters": meters,
        "attribution": _attribution(total["token_joules"], shared) if energy else None,
        "period_seconds": PERIOD_SECONDS,
        "seconds": total["seconds"],
        "coverage": seconds / total["seconds"] if total["seconds"] else None,
        "measured_joules": joules if energy else None,
        "samples_joules": total["samples_joules"] if energy else None,
        "idle_joules": total["idle_joules"] if energy else None,
        "other_joules": total["other_joules"] if energy else None,
        "unsettled_joules": shared - total["samples_joules"] - total["other_joules"] if energy else None,
        "mean_power_watts": power,
        "idle_power_watts": total["idle_joules"] / total["idle_seconds"] if total["idle_seconds"] else None,
        "mean_concurrency": total["request_seconds"] / total["busy_seconds"] if total["busy_seconds"] else None,
        "ipw": accuracy / power if accuracy is not None and power else None,
        "ipj": ipj,
    }


def _attribution(by_tokens: float, shared: float) -> str:
    """How the joules of requests in flight were shared."""
    if not shared or by_tokens < 0.01 * shared:
        return "time_share"
    return "token_share" if by_tokens > 0.99 * shared else "token_share and time_share"
