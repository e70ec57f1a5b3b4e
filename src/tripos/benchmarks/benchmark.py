"""What a benchmark is, and how one registers itself.

    @benchmark("supergpqa", category="reasoning", summary="SuperGPQA multiple-choice", licence="ODC-BY")
    def supergpqa(options: Options) -> Benchmark:
        return Benchmark(samples=huggingface(...), prompt=..., transform=..., scorer=..., calibration=...)

The decorated function composes; patterns live in `scoring/`, rows in `sources.py`. The file name is the key with `_`
for `-` and `.`, so that a key is found without importing the other files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypedDict, TypeVar, Unpack

from tripos.core.errors import ConfigError, unknown
from tripos.core.records import Message, Sample
from tripos.core.registry import Registry
from tripos.scoring.answers import VisibleText
from tripos.scoring.scorer import Scorer, Transform

T = TypeVar("T")

Prompt = Callable[[Sample], str | list[Message]]
"""Renders a sample into what the model sees. Pure: the rendered input is part of the trial's identity."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may choose about a benchmark's samples.

    Attributes:
        split: upstream split; None means the benchmark's default.
        subset: upstream configuration or part (benchmark-specific); None means the default.
        data: a local file or directory to read instead of the hub.
        seed: of the run; generated benchmarks make their samples from it.
        shots: few-shot examples, where the benchmark offers them.
        judge: "never", "fallback" or "always": when a judge reads the answer, where the benchmark offers the choice.
        settings: the benchmark's own settings, of those that it registered with.
    """

    split: str | None = None
    subset: str | None = None
    data: Path | None = None
    seed: int = 42
    shots: int = 0
    judge: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def setting(self, name: str, default: T) -> T:
        """The user's value of one of the benchmark's own settings, of the default's type.

        Raises:
            ConfigError: a value of another type.
        """
        value = self.settings.get(name, default)
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not type(default):
            raise ConfigError(f"setting {name} = {value!r}: must be of type {type(default).__name__}, like the default {default!r}")
        return value


def refuse(key: str, options: Options, *names: str) -> None:
    """Options that this benchmark does not have are an error, not ignored.

    Raises:
        ConfigError: one of `names` was set.
    """
    for name in names:
        value = getattr(options, name)
        if value:
            given = str(value) if isinstance(value, Path) else value
            raise ConfigError(f"{key} has no {name}; {name} = {given!r} would change nothing, leave it out")


class Source(Protocol):
    """Where samples come from. Iterating twice gives the same samples in the same order."""

    def __iter__(self) -> Iterator[Sample]: ...

    @property
    def endless(self) -> bool:
        """True for generated samples: the caller says how many it wants (`default_n` otherwise)."""
        ...

    def fingerprint(self) -> dict[str, str | int | None]:
        """What was read: {"source", "revision", "digest", …}; recorded with every run."""
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """One line of a calibration: an answer for one sample and what must become of it.

    Attributes:
        name: "reference", "empty", "refusal", "echo", "garbage", "dump", "majority", …
        text: the candidate's answer.
        passes: whether the scorer must call it correct.
        judge: what a fair judge would say, for scorers that ask one (the text of its reply); a sequence for several calls.
    """

    name: str
    sample: Sample
    text: str
    passes: bool
    judge: str | tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A composed examination.

    Attributes:
        samples: re-iterable source.
        prompt: the default way of asking; `variants` holds further ones by id.
        transform, scorer: how an answer is read and graded.
        calibration: made from samples of this benchmark; `tripos check` runs it.
        per_subject: names of `Sample.dimensions` that are reported as groups beside `subject`.
        default_n: how many samples when the source is endless and the user names no number.
        perfect: the text of a perfect answer to a sample, for the `simulated` engine; None means the reference as it is.
        system: a system message put before every prompt.
    """

    samples: Source
    prompt: Prompt
    scorer: Scorer
    transform: Transform = VisibleText()
    variants: Mapping[str, Prompt] = field(default_factory=dict)
    calibration: Callable[[], Iterable[Case]]
    per_subject: tuple[str, ...] = ()
    default_n: int | None = None
    perfect: Callable[[Sample], str] | None = None
    system: str | None = None


class About(TypedDict, total=False):
    """What a benchmark may say of itself beside key, category and summary; see `Entry`."""

    size: str
    licence: str
    gated: bool
    source: str
    settings: tuple[str, ...]
    official: str
    deviates: str
    also_needs: str
    calibrated: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered benchmark: what is known of it without loading anything.

    Attributes:
        settings: the names that its `options.settings` may have.
        official: in at most 90 characters, the official or published rule of scoring that is computed, or that there is none.
        deviates: in at most 110 characters, what differs from that rule or from the seed; "" where nothing does.
        also_needs: in at most 110 characters, what a run needs beside what its scorer's `needs` say; "" for nothing.
        calibrated: the version of Tripos since which its calibration holds.
    """

    key: str
    category: str
    summary: str
    function: Callable[[Options], Benchmark]
    size: str = ""
    licence: str = ""
    gated: bool = False
    source: str = ""
    settings: tuple[str, ...] = ()
    official: str = ""
    deviates: str = ""
    also_needs: str = ""
    calibrated: str = ""

    def build(self, options: Options = Options()) -> Benchmark:
        """Composes the benchmark; no row is read yet.

        Raises:
            ConfigError: a setting that it does not have, or a value that it does not take.
        """
        for name in options.settings:
            if name not in self.settings:
                known = unknown("setting", name, self.settings) if self.settings else f"it has no settings, and was given {name!r}"
                raise ConfigError(f"{self.key}: {known}")
        return self.function(options)


benchmarks: Registry[Entry] = Registry("benchmark", package="tripos.benchmarks", group="tripos.benchmarks")


def benchmark(key: str, *, category: str, summary: str, **about: Unpack[About]) -> Callable[[Callable[[Options], Benchmark]], Entry]:
    """Registers a function that composes a benchmark; the words are those of `Entry`."""

    def decorator(function: Callable[[Options], Benchmark]) -> Entry:
        entry = Entry(key, category, summary, function, **about)
        benchmarks.register(key, entry)
        return entry

    return decorator
