"""Containers of the real engine: started, used, copied into, gone, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from container_engine import containers, make_image, private_engine
from tripos.core.errors import ScorerError
from tripos.scoring.containers import MOST_OUTPUT, MOST_PROCESSES, Container, build, container, docker, image_missing


async def said(*arguments: str) -> str:
    return (await docker(arguments, seconds=60)).said.strip()


async def until_it_is_there(box: Container, path: str) -> None:
    """Waits for a file that a command in the container makes."""
    async with asyncio.timeout(120):
        while await box.read(path) is None:
            await asyncio.sleep(0.05)


async def test_a_command_has_its_input_variables_and_user(image: str) -> None:
    async with container(image, network=False) as box:
        ended = await box.run(
            ["bash", "-c", "cat; echo $A $B; pwd; id -u; exit 3"], seconds=120, stdin="in ", environment={"A": "1 2", "B": "="}
        )
        assert (ended.returncode, ended.said) == (3, "in 1 2 =\n/app\n0\n")
        assert (await box.run(["id", "-u"], seconds=120, user="nobody")).said == "65534\n"
    assert containers(image) == []


async def test_files_of_any_size_and_text_go_in_and_come_out(image: str, tmp_path: Path) -> None:
    text = "ä'\"$x\\\n" * 60_000
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_text("mine\n")
    async with container(image, network=False) as box:
        await box.write("/tmp/file", text)
        assert await box.read("/tmp/file") == text
        assert await box.read("/tmp/other") is None
        await box.put(tmp_path, "/a/b")
        assert await box.read("/a/b/below/file") == "mine\n"
        with pytest.raises(ScorerError, match="could not be written"):
            await box.write("/nowhere/file", "x")


async def test_limits_reach_the_kernel(image: str) -> None:
    async with container(image, cpus=1, memory_mb=64, network=False) as box:
        hungry = await box.run(["python3", "-c", "x = b'x' * (200 << 20)"], seconds=30)
        assert hungry.returncode == 137, hungry.said
        assert (await box.run(["ls", "/sys/class/net"], seconds=120)).said.split() == ["lo"]
        told = await said("inspect", "--format", "{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}", box.name)
        assert told == f"1000000000 {64 << 20} 4096"


async def test_a_fork_bomb_ends_where_the_machine_goes_on(image: str) -> None:
    bomb = "import os, time\nn = 0\ntry:\n  while os.fork(): n += 1\n  time.sleep(30)\nexcept OSError as e: print(n, e.errno, flush=True)"
    async with container(image, network=False) as box:
        count, errno = map(int, (await box.run(["python3", "-c", bomb], seconds=300)).said.split())
        assert (count > MOST_PROCESSES - 20, count < MOST_PROCESSES, errno) == (True, True, 11)


async def test_time_over_is_told_and_what_runs_is_left_alone(image: str) -> None:
    async with container(image, network=False) as box:
        script = "echo begun; until [ -e /tmp/go ]; do sleep 0.1; done; echo done > /tmp/done"
        late = await box.run(["bash", "-c", script], seconds=4)
        assert (late.returncode, late.said) == (None, "begun\n")
        await box.write("/tmp/go", "")
        await until_it_is_there(box, "/tmp/done")


async def test_a_flood_is_cut_to_its_end(image: str) -> None:
    async with container(image, network=False) as box:
        ended = await box.run(["bash", "-c", "seq 1000000"], seconds=60)
    assert len(ended.said) == MOST_OUTPUT and ended.said.endswith("1000000\n")


@pytest.mark.parametrize("script", ["exit 125", "exit 126", "kill -9 -1; exit 1", "kill -9 1; kill 1; exit 1", "no-such-program"])
async def test_no_exit_of_a_script_looks_like_a_failure_of_the_engine(image: str, script: str) -> None:
    async with container(image, network=False) as box:
        assert (await box.run(["bash", "-c", script], seconds=120)).returncode
        assert (await box.run(["echo", "still here"], seconds=120)).said == "still here\n"


@pytest.mark.parametrize("end", [["rm", "--force"], ["kill"], ["stop", "--time", "0"]])
async def test_a_container_that_was_taken_away_is_our_failure(image: str, end: list[str]) -> None:
    async with container(image, network=False) as box:
        running = asyncio.create_task(box.run(["bash", "-c", "touch /tmp/on; sleep 3600"], seconds=3600))
        await until_it_is_there(box, "/tmp/on")
        await docker([*end, box.name], seconds=60)
        with pytest.raises(ScorerError, match="gone"):
            await running
        with pytest.raises(ScorerError, match="gone"):
            await box.read("/etc/passwd")
    assert containers(image) == []


async def test_an_engine_that_stops_answering_is_our_failure(image: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with container(image, network=False) as box:
        with monkeypatch.context() as here:
            here.setenv("DOCKER_HOST", f"unix://{tmp_path}/socket")
            with pytest.raises(ScorerError, match="gone or does not answer"):
                await box.run(["true"], seconds=120)
            with pytest.raises(ScorerError, match="could not be started"):
                async with container(image):
                    pass


async def test_an_engine_that_goes_down_in_the_middle_is_our_failure(image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(private_engine())
        monkeypatch.setenv("DOCKER_HOST", other["DOCKER_HOST"])
        await asyncio.to_thread(make_image, "tripos-tests:other", dict(os.environ))
        async with container("tripos-tests:other", network=False) as box:
            running = asyncio.create_task(box.run(["bash", "-c", "touch /tmp/on; sleep 3600"], seconds=3600))
            await until_it_is_there(box, "/tmp/on")
            await asyncio.to_thread(stack.close)
            with pytest.raises(ScorerError, match="gone or does not answer"):
                await running


async def test_what_the_client_complains_of_is_in_no_file(image: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert "WARNING" in await said("ps")
    async with container(image, network=False) as box:
        assert (await box.run(["false"], seconds=120)).returncode == 1
        await box.write("/tmp/n", "1\n")
        assert await box.read("/tmp/n") == "1\n"


async def test_an_image_that_cannot_be_started_is_our_failure(image: str) -> None:
    with pytest.raises(ScorerError, match=r"tripos-tests:absent could not be started"):
        async with container("localhost:1/tripos-tests:absent"):
            pass
    assert "absent is not here (build it)" in str(image_missing("tripos-tests:absent", "build it"))
    assert image_missing(image, "build it") is None
    assert containers(image) == []


async def test_an_image_is_built_or_the_reason_is_told(image: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {image}\nCOPY Dockerfile /recipe\nRUN touch /built\n")
    await build(tmp_path, f"{image}-built", seconds=300)
    async with container(f"{image}-built", network=False) as box:
        assert (await box.run(["ls", "/built", "/recipe"], seconds=120)).returncode == 0
    (tmp_path / "Dockerfile").write_text(f"FROM {image}\nRUN echo oh dear; exit 7\n")
    with pytest.raises(ScorerError, match=r"(?s)could not be built: .*oh dear.*returned a non-zero code: 7"):
        await build(tmp_path, f"{image}-built", seconds=300)
    (tmp_path / "Dockerfile").write_text(f"FROM {image}\nRUN sleep 20\n")
    with pytest.raises(ScorerError, match="ran out of time"):
        await build(tmp_path, f"{image}-built", seconds=1)
    with pytest.raises(ScorerError, match="could not be built"):
        await build(tmp_path / "nowhere", f"{image}-built", seconds=120)
    await said("image", "rm", "--force", f"{image}-built")


async def test_no_container_is_left_however_early_it_is_cancelled(image: str) -> None:
    async def use() -> None:
        async with container(image, network=False):
            await asyncio.sleep(60)

    for seconds in (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3):
        using = asyncio.create_task(use())
        await asyncio.sleep(seconds)
        using.cancel()
        with pytest.raises(asyncio.CancelledError):
            await using
    for _ in range(600):
        if not containers(image):
            break
        await asyncio.sleep(0.1)
    assert containers(image) == []


async def test_without_the_program_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ScorerError, match="no program `docker`"):
        async with container("any:1"):
            pass
