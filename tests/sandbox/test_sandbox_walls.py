"""What a program in the sandbox cannot see or reach: files, network, environment, its neighbours."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

import pytest

from tripos.sandbox import seccomp
from tripos.sandbox.sandbox import Limits, Sandbox
from tripos.sandbox.supervise import ENVIRONMENT

CANARY = f"canary-{uuid.uuid4().hex}"


async def told(sandbox: Sandbox, program: str, **files: str) -> Any:
    """What a program that prints JSON says."""
    completed = await sandbox.run(["python3", "-I", "program.py"], {"program.py": program, **files}, Limits(wall_seconds=120.0))
    assert completed.returncode == 0, completed.stderr.decode()
    return json.loads(completed.stdout)


READ = """
import json, os, sys
def attempt(path):
    try:
        return open(path, "rb").read(1 << 16).decode("latin-1") if not os.path.isdir(path) else os.listdir(path)
    except OSError as error:
        return None
print(json.dumps({path: attempt(path) for path in json.load(open("paths"))}))
"""


async def test_files_outside_the_workspace_do_not_exist(sandbox: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(CANARY)
    at_home = Path.home() / f".tripos-test-{os.getpid()}"
    at_home.write_text(CANARY)
    paths = [secret, at_home, "/etc/shadow", "/etc/passwd", "/etc/hostname", "/root/.bashrc", "/root/.ssh", "/home", "/sys", "/run", "/var"]
    paths += [Path(__file__), f"/proc/{os.getpid()}/cmdline", f"/proc/{os.getpid()}/root", "/proc/kcore", "/proc/1/root/etc/shadow"]
    try:
        found = await told(sandbox, READ, paths=json.dumps([str(path) for path in paths]))
    finally:
        at_home.unlink()
    assert CANARY not in str(found)
    assert {path: what for path, what in found.items() if what and path not in OF_THE_IMAGE[sandbox.name]} == {}
    assert not [path for path, content in OURS.items() if found[path] == content]


OURS = {path: Path(path).read_text() for path in ("/etc/passwd", "/etc/hostname") if Path(path).is_file()}
OF_THE_IMAGE = {"bubblewrap": (), "docker": ("/etc/passwd", "/etc/hostname", "/sys")}
"""What a container has of its own: accounts of the image, a name, and kernel objects, read-only."""
INTERPRETER = [str(Path(prefix, part)) for prefix in (sys.prefix, sys.base_prefix) for part in ("lib", "lib64", "pyvenv.cfg")]
INTERPRETER += [sys.executable, str(Path(sys.executable).resolve())]


async def test_of_our_home_only_the_interpreter_is_there(sandbox: Sandbox) -> None:
    walk = """
import json, os
home, known = json.load(open("places"))
strange = []
for top, folders, files in os.walk(home):
    folders[:] = [name for name in folders if os.path.join(top, name) not in known]
    strange += [os.path.join(top, name) for name in files if os.path.join(top, name) not in known]
print(json.dumps(strange))
"""
    assert await told(sandbox, walk, places=json.dumps([str(Path.home()), INTERPRETER])) == []


async def test_nothing_but_the_workspace_and_tmp_can_be_written(sandbox: Sandbox) -> None:
    write = """
import json, os, sys
done = []
for place in ["/", "/usr", "/usr/bin", "/etc", "/root", "/proc", "/dev", "/lib",
              os.path.dirname(os.__file__), os.path.dirname(sys.executable), "/tmp", ".", "/dev/shm"]:
    try:
        open(os.path.join(place, "mine"), "w").write("x")
        done.append(place)
    except OSError:
        pass
print(json.dumps(done))
"""
    assert await told(sandbox, write) == ["/tmp", ".", "/dev/shm"]


async def test_a_server_of_this_machine_cannot_be_reached(sandbox: Sandbox) -> None:
    connect = """
import json, socket
said = {}
port, datagrams = json.load(open("ports"))
for host in ["127.0.0.1", "::1", "10.0.2.2", "169.254.169.254"]:
    try:
        socket.create_connection((host, port), timeout=2).send(b"hello")
        said[host] = "reached"
    except OSError as error:
        said[host] = "refused"
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for host in ["127.0.0.1", "10.0.2.2", "8.8.8.8"]:
    try:
        sender.sendto(b"hello", (host, datagrams))
    except OSError:
        pass
print(json.dumps(said))
"""
    reached: list[bytes] = []
    server = await asyncio.start_server(lambda reader, writer: reached.append(b"tcp"), "127.0.0.1", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", 0))
        datagrams.setblocking(False)
        ports = [server.sockets[0].getsockname()[1], datagrams.getsockname()[1]]
        said = await told(sandbox, connect, ports=json.dumps(ports))
        with pytest.raises(BlockingIOError):
            datagrams.recv(10)
    server.close()
    assert set(said.values()) == {"refused"}
    assert reached == []


async def test_the_test_server_can_be_reached_without_a_sandbox() -> None:
    """So that the test above means something."""
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    server.close()


async def test_no_names_are_resolved(sandbox: Sandbox) -> None:
    resolve = """
import json, socket
try:
    print(json.dumps(socket.getaddrinfo("example.com", 80)))
except OSError as error:
    print(json.dumps(None))
"""
    assert await told(sandbox, resolve) is None


async def test_sockets_that_no_network_namespace_holds_back_are_denied(sandbox: Sandbox) -> None:
    """vsock leads from a virtual machine to its host; an abstract Unix socket needs no file."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as abstract:
        abstract.bind(f"\0{CANARY}")
        abstract.listen()
        attempt = f"""
import json, socket
said = []
for family in (40, 17, 38):  # vsock, packet, alg
    try:
        socket.socket(family, socket.SOCK_STREAM if family == 40 else socket.SOCK_RAW)
        said.append(family)
    except OSError:
        pass
try:
    socket.socket(socket.AF_UNIX).connect("\\0{CANARY}")
    said.append("abstract")
except OSError:
    pass
print(json.dumps(said))
"""
        assert await told(sandbox, attempt) == []


async def test_the_environment_is_not_inherited(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    look = """
import glob, json, os
seen = [json.dumps(dict(os.environ))]
for path in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline"):
    try:
        seen.append(open(path, "rb").read().decode("latin-1"))
    except OSError:
        pass
print(json.dumps(seen))
"""
    seen = await told(sandbox, look)
    assert CANARY not in "".join(seen)
    assert json.loads(seen[0]) == ENVIRONMENT


async def test_no_file_of_ours_is_left_open_in_the_program(sandbox: Sandbox, tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        look = """
import json, os
open_ones = []
for number in range(3, 1000):
    try:
        open_ones.append(os.readlink(f"/proc/self/fd/{number}"))
    except OSError:
        pass
print(json.dumps(open_ones))
"""
        assert await told(sandbox, look) == []


async def test_privileges_cannot_be_had(sandbox: Sandbox) -> None:
    attempt = """
import ctypes, json, os
libc = ctypes.CDLL(None, use_errno=True)
gained = []
if os.getuid() == 0 or int([line for line in open("/proc/self/status") if line.startswith("CapEff")][0].split()[1], 16):
    gained.append("root")
for name, call in {
    "setuid": lambda: os.setuid(0),
    "mount": lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) and 1 / 0,
    "unshare": lambda: libc.unshare(0x10000000) and 1 / 0,
    "ptrace": lambda: libc.ptrace(16, 1, 0, 0) and 1 / 0,
    "memfd": lambda: os.memfd_create("x"),
    "memory of process 1": lambda: open("/proc/1/mem", "rb"),
    "files of process 1": lambda: os.listdir("/proc/1/fd"),
    "chroot": lambda: os.chroot("/tmp"),
}.items():
    try:
        call()
        gained.append(name)
    except (OSError, ZeroDivisionError):
        pass
print(json.dumps(gained))
"""
    assert await told(sandbox, attempt) == []


@pytest.mark.skipif(platform.machine() not in seccomp.ARCHITECTURES, reason="calls are not filtered on this architecture")
async def test_no_call_leads_into_a_new_namespace(sandbox: Sandbox) -> None:
    column = list(seccomp.ARCHITECTURES).index(platform.machine())
    attempt = f"""
import ctypes, json, os
libc = ctypes.CDLL(None, use_errno=True)
gained = []
for place in range(7, 31):
    if {seccomp.NEW_NAMESPACES} >> place & 1:
        child = libc.syscall({seccomp.CLONE[column]}, 1 << place | 17, 0, 0, 0, 0)
        if child == 0:
            os._exit(0)
        if child > 0 or ctypes.get_errno() != 1:
            gained.append((place, ctypes.get_errno()))
if libc.syscall({seccomp.CLONE3[column]}, 0, 0) != -1 or ctypes.get_errno() != 38:
    gained.append("clone3")
print(json.dumps(gained))
"""
    assert await told(sandbox, attempt) == []


async def test_the_answers_to_our_own_benchmarks_cannot_be_imported(tmp_path: Path) -> None:
    """An installed tripos lies among the libraries that the program may use; it is masked."""
    library = tmp_path / "lib" / "site-packages"
    package = Path(sys.modules["tripos"].__file__ or "").parent
    shutil.copytree(package, library / "tripos")
    (library / "other.py").write_text("")
    script = """
import asyncio, sys
sys.prefix = sys.argv[1]
from tripos.sandbox.bubblewrap import Bubblewrap
look = "import os, sys; print(sorted(os.listdir(sys.argv[1])), os.listdir(sys.argv[1] + '/tripos'))"
print(asyncio.run(Bubblewrap().run(["python3", "-I", "-c", look, sys.argv[1] + "/lib/site-packages"], {})).stdout.decode())
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    ran = await asyncio.to_thread(
        subprocess.run, command, env={**os.environ, "PYTHONPATH": str(library)}, capture_output=True, text=True, check=False
    )
    assert ran.stdout.strip() == "['other.py', 'tripos'] []", ran.stderr


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core runs one program at a time")
async def test_programs_at_work_at_once_do_not_see_each_other(sandbox: Sandbox) -> None:
    for seconds in (1, 5, 25):  # until they are at work at the same time, however slowly they start
        first, second = await asyncio.gather(told(sandbox, neighbour(seconds)), told(sandbox, neighbour(seconds)))
        assert first[:2] == second[:2] == [True, []]
        if max(first[2], second[2]) < min(first[3], second[3]):
            return
    pytest.fail("they did not run at the same time")


def neighbour(seconds: float) -> str:
    """A program that leaves its marks, stays for a while and then looks around; it also tells when it began and ended to look."""
    return f"""
import json, os, socket, time
mine = str(time.monotonic_ns())
open("/tmp/mark", "x").write(mine)
open("/dev/shm/mark", "x").write(mine)
server = socket.socket(socket.AF_UNIX)
server.bind("\\0{CANARY}-neighbour")
listener = socket.create_server(("127.0.0.1", 45678))
started = time.monotonic()
time.sleep({seconds})
others = [pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) not in (1, os.getpid())]
print(json.dumps([open("/tmp/mark").read() == mine, others, started, time.monotonic()]))
"""


PROBE = """
import asyncio, os
from tripos.sandbox.bubblewrap import Bubblewrap
program = '''
import os, time
count = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(5)
        count += 1
except OSError:
    pass
seen = []
for path in ("/etc/passwd", "/proc/1/mem", "/proc/1/environ", "/root", "/home"):
    try:
        os.listdir(path) if os.path.isdir(path) else open(path).read()
        seen.append(path)
    except OSError:
        pass
try:
    open("/mine", "w")
    seen.append("wrote /")
except OSError:
    pass
print(count, seen)
'''
completed = asyncio.run(Bubblewrap().run(["python3", "-c", program], {}))
print(os.getuid(), completed.stdout.decode(), completed.stderr.decode())
"""


@pytest.mark.skipif(os.getuid() != 0, reason="all tests of this file run as an unprivileged user already")
def test_an_unprivileged_user_has_the_same_walls() -> None:
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python is None or subprocess.run([python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], check=False).returncode:
        pytest.skip("no Python 3.11 that other users can start")
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        package = Path(sys.modules["tripos"].__file__ or "").parent
        shutil.copytree(package, Path(place, "tripos"), ignore=shutil.ignore_patterns("__pycache__"))
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": place, "PYTHONDONTWRITEBYTECODE": "1"}
        other = {"user": 4321, "group": 4321, "extra_groups": [], "cwd": "/"}
        ran = subprocess.run([python, "-c", PROBE], env=environment, capture_output=True, text=True, check=False, **other)
    assert ran.stdout.split("\n")[0] == "4321 63 []", ran.stdout + ran.stderr
