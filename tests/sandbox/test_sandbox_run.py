"""The contract of `Sandbox.run`, for the sandboxes that can be had here."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_sandbox_limits import living

from container_engine import containers
from tripos.core.errors import ConfigError, SandboxError
from tripos.sandbox.bubblewrap import Bubblewrap
from tripos.sandbox.choose import choose, probe
from tripos.sandbox.docker import Docker
from tripos.sandbox.process import Process
from tripos.sandbox.sandbox import Limits, Sandbox
from tripos.sandbox.supervise import Job, _completed


@pytest.fixture(params=["bubblewrap", "process", "docker"])
def each(request: pytest.FixtureRequest) -> Sandbox:
    kinds = {"bubblewrap": Bubblewrap, "process": Process}
    kind = Docker(image=request.getfixturevalue("image")) if request.param == "docker" else kinds[request.param]()
    reason = kind.missing()
    if reason is not None:
        pytest.fail(reason)
    return kind


async def test_it_reads_files_and_stdin_and_gives_back_what_was_asked(each: Sandbox) -> None:
    program = """
import os, sys
print(open("in/text").read(), open("bytes", "rb").read(), sys.stdin.read(), sorted(os.listdir()))
print("complaint", file=sys.stderr)
os.makedirs("out")
open("out/result", "wb").write(b"\\x00\\xff")
sys.exit(3)
"""
    files = {"program.py": program, "in/text": "tëxt", "bytes": b"\x00\n"}
    completed = await each.run(["python3", "program.py"], files, stdin=b"typed", collect=["out/result", "missing"])
    assert completed.stdout.decode() == "tëxt b'\\x00\\n' typed ['bytes', 'in', 'program.py']\n"
    assert completed.stderr == b"complaint\n"
    assert (completed.returncode, completed.stopped, completed.timed_out, completed.output_truncated) == (3, None, False, False)
    assert completed.files == {"out/result": b"\x00\xff"}


async def test_a_signal_is_told_as_128_and_its_number(each: Sandbox) -> None:
    completed = await each.run(["python3", "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"], {})
    assert completed.returncode == 128 + signal.SIGSEGV


async def test_a_program_that_does_not_exist_is_data(each: Sandbox) -> None:
    completed = await each.run(["no-such-program"], {})
    assert completed.returncode == 127
    assert b"no-such-program" in completed.stderr


async def test_other_programs_than_python_run_too(each: Sandbox) -> None:
    completed = await each.run(["sh", "-c", "cat - a | tr a-z A-Z; exit 2"], {"a": "file"}, stdin=b"in ")
    assert (completed.stdout, completed.returncode) == (b"IN FILE", 2)


async def test_the_time_is_up_in_every_sandbox(each: Sandbox) -> None:
    completed = await each.run(["python3", "-c", "import time; print(1, flush=True); time.sleep(3600)"], {}, Limits(wall_seconds=3.0))
    assert (completed.timed_out, completed.returncode, completed.stdout) == (True, None, b"1\n")


async def test_megabytes_go_in_and_come_out(each: Sandbox) -> None:
    content = os.urandom(5 << 20)
    program = "import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, open('copy', 'wb'))"
    completed = await each.run(["python3", "-c", program], {}, stdin=content, collect=["copy"])
    assert completed.files["copy"] == content


async def test_links_and_pipes_are_not_collected(each: Sandbox) -> None:
    program = """
import os
os.symlink("/usr/bin/env", "link")
os.symlink("/usr", "folder")
os.mkfifo("pipe")
os.mkdir("directory")
"""
    names = ["link", "folder/bin/env", "pipe", "directory"]
    completed = await each.run(["python3", "-c", program], {}, collect=names)
    assert (completed.returncode, completed.files) == (0, {})


async def test_what_prints_and_leaves_a_child_behind_is_not_waited_for(each: Sandbox) -> None:
    program = "import os, time; print('done', flush=True); os.fork() == 0 and time.sleep(3600)"
    completed = await each.run(["python3", "-c", program], {}, Limits(wall_seconds=120))
    assert (completed.stdout, completed.returncode) == (b"done\n", 0)
    assert completed.wall_seconds < 60


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/../../b", "", ".", "nul\0"])
async def test_a_file_name_must_stay_inside_the_workspace(each: Sandbox, name: str) -> None:
    with pytest.raises(SandboxError, match="not a relative file name"):
        await each.run(["python3", "-c", ""], {name: "x"})
    with pytest.raises(SandboxError, match="not a relative file name"):
        await each.run(["python3", "-c", ""], {}, collect=[name])


async def test_more_than_the_workspace_can_hold_is_refused_before_it_runs(each: Sandbox) -> None:
    with pytest.raises(SandboxError, match="disk_bytes = 1048576"):
        await each.run(["python3", "-c", ""], {"big": bytes(2 << 20)}, Limits(disk_bytes=1 << 20))


async def test_without_bwrap_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxError, match="apt-get install bubblewrap"):
        await Bubblewrap().run(["python3", "-c", ""], {})
    with pytest.raises(SandboxError, match="apt-get install bubblewrap"):
        choose()


async def test_a_bwrap_that_may_not_make_namespaces_says_how_to_allow_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = tmp_path / "bwrap"
    refusing.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(SandboxError, match="user namespaces are forbidden here; allow them"):
        await Bubblewrap().run(["python3", "-c", ""], {})


def test_auto_is_bubblewrap() -> None:
    assert choose().name == "bubblewrap"


def test_no_walls_only_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose("process").name == "process"
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxError, match="no safe place"):
        choose("auto")


def test_a_wrong_name_is_told_the_right_one() -> None:
    with pytest.raises(ConfigError, match="did you mean 'bubblewrap'"):
        choose("bubblewarp")


async def test_without_an_engine_docker_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/socket")
    reason = probe()["docker"]
    assert reason is not None
    assert "systemctl start docker" in reason or "docs.docker.com" in reason
    with pytest.raises(SandboxError, match="docker"):
        await Docker().run(["python3", "-c", ""], {})
    monkeypatch.setenv("PATH", "/nowhere")
    assert "docs.docker.com" in str(Docker().missing())
    with pytest.raises(SandboxError, match="no program `docker`"):
        await Docker().run(["python3", "-c", ""], {})


async def test_an_image_that_is_not_here_is_not_fetched(image: str) -> None:
    absent = Docker(image="tripos-tests:absent")
    assert "docker pull tripos-tests:absent" in str(absent.missing())
    with pytest.raises(SandboxError, match="docker pull tripos-tests:absent"):
        await absent.run(["python3", "-c", ""], {})


async def test_what_the_engine_says_is_told(image: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {image}\nRUN rm /usr/bin/python3\n")
    await asyncio.to_thread(subprocess.run, ["docker", "build", "--tag", f"{image}-bare", tmp_path], check=True, capture_output=True)
    with pytest.raises(SandboxError, match=r"python3.*not found"):
        await Docker(image=f"{image}-bare").run(["python3", "-c", ""], {})
    await asyncio.to_thread(subprocess.run, ["docker", "image", "rm", f"{image}-bare"], check=True, capture_output=True)
    assert await none_left(image)


async def test_a_container_that_is_taken_away_is_a_lost_run(image: str) -> None:
    word = uuid.uuid4().hex
    program = ["python3", "-c", f"import time; time.sleep(3600)  # {word}"]
    running = asyncio.create_task(Docker(image=image).run(program, {}, Limits(wall_seconds=300)))
    while not running.done() and not living(word):
        await asyncio.sleep(0.02)
    await asyncio.to_thread(subprocess.run, ["docker", "kill", *containers(image)], check=True, capture_output=True)
    assert (await running).stopped == "lost"
    assert await none_left(image)


async def test_no_container_is_left_however_early_a_run_is_cancelled(image: str) -> None:
    for seconds in (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5):
        running = asyncio.create_task(Docker(image=image).run(["python3", "-c", "import time; time.sleep(60)"], {}))
        await asyncio.sleep(seconds)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert await none_left(image)


async def none_left(image: str) -> bool:
    """The engine removes a container a moment after its end."""
    for _ in range(600):
        if not containers(image):
            return True
        await asyncio.sleep(0.1)
    return False


def test_probe_tells_every_sandbox() -> None:
    said = probe()
    assert list(said) == ["bubblewrap", "docker", "process"]
    assert said["bubblewrap"] is None


REPORTS = st.binary() | st.builds(
    lambda words, body: " ".join(words).encode() + b"\n" + body,
    st.lists(st.sampled_from(["0", "-", "-5", "wall", "1e9", "nan", "7", "99999999999999", "x"]), max_size=8),
    st.binary(max_size=20),
)


@given(REPORTS)
def test_a_report_that_makes_no_sense_is_a_lost_run_and_never_an_exception(report: bytes) -> None:
    completed = _completed(report, Job(["x"], {}, Limits(), b"", ["file"]))
    assert completed.stopped == "lost" or len(completed.stdout) + len(completed.stderr) <= len(report)


async def test_the_report_is_read_back() -> None:
    completed = _completed(b"0 - 1.5 2 1 - 3\nabcdef", Job(["x"], {}, Limits(), b"", ["a", "b"]))
    assert (completed.stdout, completed.stderr, completed.files, completed.wall_seconds) == (b"ab", b"c", {"b": b"def"}, 1.5)
