"""The hub of data sets: whether it can be reached, files of its repositories, and what its errors mean.

It is tried once a process with one short request. Where nothing answers, its client reads its cache alone from then on, so that forty
benchmarks on a machine without a network do not wait forty times for retries.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tripos.core.errors import DatasetError

_SILENT = {"ConnectionError", "OfflineModeIsEnabled", "ConnectError", "ProxyError", "TimeoutException", "Timeout"}


@dataclass(frozen=True, slots=True)
class OnHub:
    """A data set of the hub.

    Args:
        repo: its name, "owner/name".
        locally: what to do instead of asking the hub; the end of every error's sentence.
        gated: the hub asks to accept terms first.
    """

    repo: str
    locally: str
    gated: bool = False

    def folder(self, patterns: Sequence[str]) -> Path:
        """The directory of a revision with its files of these patterns; what the cache lacks is fetched.

        Raises:
            DatasetError: they cannot be had.
        """
        with self.explained():
            from huggingface_hub import snapshot_download

            away()
            return Path(snapshot_download(self.repo, repo_type="dataset", allow_patterns=list(patterns)))

    def file(self, name: str) -> Path:
        """One file; fetched where the cache lacks it.

        Raises:
            DatasetError: it cannot be had.
        """
        with self.explained():
            from huggingface_hub import hf_hub_download

            away()
            return Path(hf_hub_download(self.repo, name, repo_type="dataset"))

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turns what `datasets` and the hub's client raise in its block into one sentence that says what to do.

        Raises:
            DatasetError: with that sentence.
        """
        try:
            yield
        except DatasetError:
            raise
        except ImportError as error:
            raise DatasetError(f"{self.repo} cannot be read: {error}; install it with: pip install datasets") from error
        except (OSError, ValueError, RuntimeError) as error:
            raise DatasetError(self._advice(error)) from error

    def _advice(self, error: BaseException) -> str:
        names: set[str] = set()
        link: BaseException | None = error
        while link is not None:
            names |= {kind.__name__ for kind in type(link).__mro__}
            link = link.__cause__ or link.__context__
        said = " ".join(str(error).split())
        page = f"https://huggingface.co/datasets/{self.repo}"
        gate = f"accept its terms at {page} and set HF_TOKEN (or run: hf auth login)"
        if names & _SILENT:
            later = f"where it can, {gate}; or " if self.gated else ""
            return f"{self.repo} is not in the local cache and the hub cannot be reached ({away() or said}); {later}{self.locally}"
        if "GatedRepoError" in names or "gated" in said.lower() or (self.gated and "DatasetNotFoundError" in names):
            return f"{self.repo} is gated: {gate}; or {self.locally}"
        if names & {"DatasetNotFoundError", "RepositoryNotFoundError"}:
            return f"{self.repo} was not found on the hub ({page}), or it is private and HF_TOKEN is not set; or {self.locally}"
        return f"{self.repo} cannot be loaded: {type(error).__name__}: {said}; or {self.locally}"


def revision_of(path: Path) -> str | None:
    """The commit of the data set that a file or directory of the hub's cache is of; None for any other place."""
    cached = re.search(r"snapshots/([0-9a-f]{40})(?:/|\Z)", path.as_posix())
    return cached[1] if cached else None


def away() -> str | None:
    """Why the hub cannot be asked, None where it can. To be called before each use of it."""
    from huggingface_hub import constants

    switched_off = constants.HF_HUB_OFFLINE and not _tried.cache_info().currsize
    return "HF_HUB_OFFLINE is set" if switched_off else _tried()


@cache
def _tried() -> str | None:
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session  # type: ignore[attr-defined]

    try:
        status = get_session().head(constants.ENDPOINT, timeout=constants.HF_HUB_ETAG_TIMEOUT).status_code
        why = f"status {status}" if status >= 500 else None
    except Exception as error:  # which ones there are depends on the version of the hub's client
        why = " ".join(str(error).split()) or type(error).__name__
    if why is None:
        return None
    constants.HF_HUB_OFFLINE = True
    if (config := sys.modules.get("datasets.config")) is not None:  # it has looked already
        config.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]
    return f"{constants.ENDPOINT}: {why}; tried once"
