"""A Docker engine for tests: the one that runs here, else a private one that ends with the session; and a small image, made of programs
of this machine, since none can be counted on to be fetched.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

START_SECONDS = 300.0
PROGRAMS = """bash cat chmod chown cp cut date dirname echo env false find git grep head id kill ln ls mkdir mkfifo mktemp mv ps rm rmdir
sed seq sh sleep sort stat tail tar tee touch tr true uname useradd wc"""
UNUSED = {"test", "tests", "idlelib", "lib2to3", "ensurepip", "tkinter", "turtledemo", "pydoc_data", "site-packages", "dist-packages"}
ACCOUNTS = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"


@pytest.fixture(scope="session")
def container_engine() -> Iterator[dict[str, str]]:
    """What the environment needs so that `docker` reaches an engine."""
    if not sys.platform.startswith("linux"):
        pytest.skip("images are made of programs of this machine, which has to be Linux")
    if not shutil.which("docker"):
        pytest.skip("there is no program `docker`: apt-get install docker.io")
    if _answers({}):
        yield {}
        return
    with private_engine() as environment:
        yield environment


@pytest.fixture(scope="session")
def session_image(container_engine: dict[str, str]) -> Iterator[str]:
    """An image with bash, git, the usual small programs and this interpreter; its working directory is /app."""
    tag = f"tripos-tests:{uuid.uuid4().hex}"
    environment = {**os.environ, **container_engine}
    make_image(tag, environment)
    yield tag
    for command in (["rm", "--force", tag], ["prune", "--force", "--filter", f"label=tests={tag}"]):
        subprocess.run(["docker", "image", *command], env=environment, capture_output=True, check=False)


@pytest.fixture
def image(container_engine: dict[str, str], session_image: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The image; `docker` reaches its engine for the length of the test."""
    for name, value in container_engine.items():
        monkeypatch.setenv(name, value)
    return session_image


def make_image(tag: str, environment: dict[str, str]) -> None:
    """Gives the image to the engine that the environment names."""
    with tempfile.TemporaryFile() as content:
        _write_image(content)
        content.seek(0)
        command = ["docker", "import", "--change", "WORKDIR /app", "--change", f"LABEL tests={tag}", "-", tag]
        done = subprocess.run(command, stdin=content, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def containers(image: str) -> list[str]:
    """The names of all containers of an image, and of images made from it, that the engine knows, running or not."""
    command = ["docker", "ps", "--all", "--filter", f"ancestor={image}", "--format", "{{.Names}}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def _answers(environment: dict[str, str]) -> bool:
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        asked = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


@contextmanager
def private_engine() -> Iterator[dict[str, str]]:
    """A `dockerd` with everything it has in a temporary directory, and no network but `none` and `host`."""
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        pytest.skip("no Docker engine runs here, and only root can start a private one, with: apt-get install docker.io")
    home = Path(tempfile.mkdtemp(prefix="tripos-docker-"))
    environment = {"DOCKER_HOST": f"unix://{home}/socket"}
    own = f"tripos-{os.getpid()}"
    options = {"host": environment["DOCKER_HOST"], "data-root": home / "data", "exec-root": home / "exec", "pidfile": home / "pid"}
    options |= {"config-file": home / "daemon.json", "containerd-namespace": own, "containerd-plugins-namespace": f"{own}-plugins"}
    options |= {"bridge": "none", "iptables": "false", "ip6tables": "false", "ip-forward": "false"}
    options |= {"oom-score-adjust": 0, "shutdown-timeout": 1}
    (home / "daemon.json").write_text("{}")
    # It ends with us, however we end, and its mounts with it.
    command = ["setpriv", "--pdeathsig", "TERM", "unshare", "--mount", "dockerd", *(f"--{name}={value}" for name, value in options.items())]
    with (home / "log").open("wb") as log:
        engine = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        until = time.monotonic() + START_SECONDS
        while not _answers(environment):
            if engine.poll() is not None or time.monotonic() > until:
                pytest.skip(f"a Docker engine cannot be started here: {(home / 'log').read_text().strip()[-300:]}")
            time.sleep(0.1)
        yield environment
    finally:
        engine.terminate()
        try:
            engine.wait(30)
        except subprocess.TimeoutExpired:
            engine.kill()
            engine.wait()
        shutil.rmtree(home, ignore_errors=True)


def _write_image(target: io.BufferedRandom | io.BytesIO) -> None:
    """A tar of the file system."""
    programs = {f"/usr/bin/{name}": path for name in PROGRAMS.split() if (path := shutil.which(name))}
    python = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    library = Path(sysconfig.get_path("stdlib"))
    modules = [path for path in library.rglob("*") if path.suffix in (".py", ".so") and not UNUSED & {*path.relative_to(library).parts}]
    loaded = [*programs.values(), python, *(path for path in modules if path.suffix == ".so")]
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name in ("bin", "lib", "lib64", "sbin"):
            _add_link(tar, f"/{name}", f"usr/{name}")
        for name in ("app", "root", "tmp"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(folder)
        accounts = tarfile.TarInfo("etc/passwd")
        accounts.size = len(ACCOUNTS)
        tar.addfile(accounts, io.BytesIO(ACCOUNTS.encode()))
        for path in {str(python), *map(str, modules), *_libraries(loaded)}:
            programs[os.path.realpath(Path(path).parent) + "/" + Path(path).name] = path
        for name, path in programs.items():
            tar.add(os.path.realpath(path), name.lstrip("/"))
        if str(python) != "/usr/bin/python3":
            _add_link(tar, "/usr/bin/python3", str(python))


def _add_link(tar: tarfile.TarFile, name: str, target: str) -> None:
    link = tarfile.TarInfo(name.lstrip("/"))
    link.type, link.linkname = tarfile.SYMTYPE, target
    tar.addfile(link)


def _libraries(binaries: Iterable[str | Path]) -> set[str]:
    """The shared libraries that they load."""
    told = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False).stdout
    return set(re.findall(r"(/\S+) \(0x", told))
