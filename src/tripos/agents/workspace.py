"""The folder of one sample: its attachments, what the agent writes, and the programs that run over it.

Nothing of it is shared with another sample, and it is deleted when the sample ends. Names are relative to it; a name that
leaves it (absolute, `..`, through a link) is refused. Programs never see the folder itself: the sandbox gets a copy, and
the plain files that a program made or changed are brought back.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path, PurePosixPath

import msgspec

from tripos.core.errors import SandboxError
from tripos.core.records import Attachment
from tripos.sandbox.sandbox import Completed, Limits, Sandbox

MAX_BYTES = 128 << 20  # of all files together
PROGRAM_LIMITS = Limits(
    wall_seconds=30.0,
    cpu_seconds=30.0,
    memory_bytes=2 << 30,
    output_bytes=256 << 10,
    file_bytes=64 << 20,
    disk_bytes=256 << 20,
    processes=64,
)
DRIVER, REPORT = ".tripos-driver.py", ".tripos-files.json"
_OWN = frozenset({DRIVER, REPORT})
_OF_THE_CALL = {errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP, errno.ENXIO}


class ToolError(Exception):
    """A call failed in a way that the model should hear of; the message is all it gets."""


class _Report(msgspec.Struct):
    """What the driver says of the files after a program: all that are left, and the new content (base64) of some."""

    left: list[str]
    changed: dict[str, str]


class Workspace:
    """See the module. `lock` keeps calls that arrive together in their order."""

    def __init__(self, folder: Path, sandbox: Sandbox | None = None) -> None:
        self.folder = folder.resolve()
        self.sandbox = sandbox
        self.lock = asyncio.Lock()

    def path(self, name: str) -> Path:
        """The place of a file.

        Raises:
            ToolError: the name leaves the folder.
        """
        try:
            name.encode()
        except UnicodeEncodeError:
            raise ToolError(f"{name!r} is not a file name") from None
        relative = PurePosixPath(name)
        if not name.strip() or "\0" in name or relative.is_absolute() or ".." in relative.parts:
            raise ToolError(f"{name!r} is outside of your working directory; use a relative name. {self._listing()}")
        with _told(name):
            place = self.folder.joinpath(relative).resolve()
        if place == self.folder or not place.is_relative_to(self.folder):
            raise ToolError(f"{name!r} is outside of your working directory or not a file. {self._listing()}")
        return place

    def read(self, name: str, limit: int = MAX_BYTES) -> bytes:
        """The content of a file of at most `limit` bytes.

        Raises:
            ToolError: there is no such plain file, or it is larger.
        """
        place = self.path(name)
        with _told(name):
            if not place.is_file():
                raise ToolError(f"there is no file {name!r}. {self._listing()}")
        with _told(name), open(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode) or about.st_size > limit:
                raise ToolError(f"{name!r} has {about.st_size} bytes, more than the {limit} that can be read at once")
            return file.read()

    def write(self, name: str, data: bytes) -> None:
        """Makes a file or replaces its content.

        Raises:
            ToolError: the name leaves the folder, or there would be too much in it.
        """
        place = self.path(name)
        present = sum(self.folder.joinpath(other).stat().st_size for other in self.names() if other != name)
        if present + len(data) > MAX_BYTES:
            raise ToolError(f"{name!r} does not fit: your working directory holds at most {MAX_BYTES} bytes")
        with _told(name):
            place.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            with open(os.open(place, flags, 0o600), "wb") as file:  # noqa: PTH123
                file.write(data)

    def names(self) -> list[str]:
        """The plain files, sorted."""
        found = []
        for folder, _, names in os.walk(self.folder):
            for name in names:
                place = Path(folder, name)
                if stat.S_ISREG(place.lstat().st_mode):
                    found.append(place.relative_to(self.folder).as_posix())
        return sorted(found)

    async def run(
        self, argv: Sequence[str], more: Mapping[str, bytes] = {}, *, stdin: bytes = b"", only: Sequence[str] | None = None
    ) -> Completed:
        """Runs a program in the sandbox over a copy of the files (or `only` some of them, which stay as they are).

        Args:
            more: files that are there for this program alone.

        Raises:
            SandboxError: the sandbox broke.
        """
        if self.sandbox is None:
            raise SandboxError("this tool needs a sandbox and the run has none")
        names = self.names() if only is None else list(only)
        files = {name: await asyncio.to_thread(self.read, name) for name in names} | dict(more)
        if only is not None:
            return await self.sandbox.run(argv, files, PROGRAM_LIMITS, stdin=stdin)
        files[DRIVER] = Path(__file__).with_name("driver.py").read_bytes()
        command = ["python3", DRIVER, REPORT, str(PROGRAM_LIMITS.file_bytes // 2), *argv]
        done = await self.sandbox.run(command, files, PROGRAM_LIMITS, stdin=stdin, collect=[REPORT])
        if REPORT in done.files:
            await asyncio.to_thread(self._bring_back, done.files[REPORT], frozenset(more) | _OWN)
        return done

    def _bring_back(self, report: bytes, apart: frozenset[str]) -> None:
        """Takes over what a program did to the files. The report may be forged: names are checked like the model's own."""
        try:
            found = msgspec.json.decode(report, type=_Report)
            contents = {name: base64.b64decode(text, validate=True) for name, text in found.changed.items() if name not in apart}
        except (msgspec.DecodeError, ValueError) as error:
            raise ToolError(f"the program ran, but its files could not be read back: {error}") from error
        left = frozenset(found.left)
        for name in self.names():
            if name not in left:
                self.path(name).unlink()
        for name, data in contents.items():
            self.write(name, data)

    def _listing(self) -> str:
        names = self.names()
        more = f" and {len(names) - 20} more" if len(names) > 20 else ""
        return f"The files there are: {', '.join(names[:20])}{more}" if names else "There are no files."


@asynccontextmanager
async def workspace(attachments: Sequence[Attachment], sandbox: Sandbox | None) -> AsyncIterator[Workspace]:
    """A workspace with copies of a sample's attachments, deleted at the end.

    Raises:
        OSError: an attachment cannot be copied.
    """
    folder = Path(tempfile.mkdtemp(prefix="tripos-"))
    try:
        for attachment in attachments:
            await asyncio.to_thread(shutil.copyfile, attachment.path, folder / PurePosixPath(attachment.name).name)
        yield Workspace(folder, sandbox)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """What is wrong with a name is for the model; a full disk is ours."""
    try:
        yield
    except OSError as error:
        if error.errno not in _OF_THE_CALL:
            raise
        raise ToolError(f"{name!r}: {error.strerror}") from error
