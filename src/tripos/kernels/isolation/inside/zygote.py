"""The first process of the box: has torch loaded, has run nothing, and forks the processes of each evaluation.

It is told nothing but how to fork: sources, seeds and results travel between the caller and the judge on a socket that
only passes through here, so that a child's copy of this memory holds no secret. It must never run a torch operation: a
thread pool does not survive a fork.

    python -m inside.zygote CONTROL_DESCRIPTOR
"""

from __future__ import annotations

import base64
import gc
import json
import os
import select
import signal
import socket
import sys
from dataclasses import dataclass
from typing import Any

import torch

from . import confine, judge
from .wire import Broken, Channel
from .worker import Worker

WATCH_SECONDS = 0.25
USERS = 1000


@dataclass
class Zygote:
    """What every worker gets, as the caller said at the start."""

    control: socket.socket
    limits: confine.Limits
    filter_: bytes | None
    namespaced: bool
    first_user: int | None
    forked: int = 0

    def serve(self) -> None:
        """Until the caller is gone."""
        judges: list[socket.socket] = []
        while True:
            for ready in select.select([self.control, *judges], [], [])[0]:
                try:
                    data, descriptors, _, _ = socket.recv_fds(ready, 1 << 16, 1)
                except ConnectionError:
                    data, descriptors = b"", []
                if ready is self.control:
                    if not data:
                        return
                    judges.append(self._fork_judge(socket.socket(fileno=descriptors[0]), judges))
                elif data:
                    self._fork_worker(ready)
                else:
                    judges.remove(ready)
                    ready.close()

    def _fork_judge(self, caller: socket.socket, others: list[socket.socket]) -> socket.socket:
        ours, theirs = socket.socketpair()
        if os.fork() == 0:
            with _ending():
                _keep_only(caller, theirs)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                confine.die_with_parent()
                judge.serve(Channel(caller), theirs)
        caller.close()
        theirs.close()
        return ours

    def _fork_worker(self, asker: socket.socket) -> None:
        """Answers the judge with two descriptors: the worker's channel, and the pipe on which its keeper tells its fate."""
        ours, theirs = socket.socketpair()
        fate, tell = os.pipe()
        self.forked += 1
        if os.fork() == 0:
            with _ending():
                _keep_only(theirs, tell)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                confine.die_with_parent()
                self._keep(theirs, tell)
        theirs.close()
        os.close(tell)
        socket.send_fds(asker, [b"w"], [ours.fileno(), fate])
        ours.close()
        os.close(fate)

    def _keep(self, channel: socket.socket, tell: int) -> None:
        """The keeper: parent of one worker, outside its namespaces. Watches its memory, tells how it ended."""
        done = confine.separate() if self.namespaced else []
        heard, trouble = os.pipe()
        child = os.fork()
        if child == 0:
            with _ending():
                _keep_only(channel, trouble)
                _be_worker(self, channel, trouble)
        os.close(trouble)
        channel.close()
        with open(heard) as settled:  # noqa: PTH123
            text = settled.read()
        _tell(tell, {"pid": child, **(json.loads(text) if text else {"trouble": "the worker ended before it began"})}, done)
        started_session = child
        end = os.pidfd_open(child)
        while not select.select([end], [], [], WATCH_SECONDS)[0]:
            if _resident_bytes(child) > self.limits.memory_bytes:
                os.kill(child, signal.SIGKILL)
                _tell(tell, {"stopped": "memory"}, [])
                return
        status = os.waitpid(child, 0)[1]
        if not self.namespaced:
            _kill_session(started_session)
        _tell(tell, {"status": status}, [])


def _be_worker(zygote: Zygote, channel: socket.socket, trouble: int) -> None:
    os.setsid()
    user = None if zygote.first_user is None else zygote.first_user + zygote.forked % USERS
    report: dict[str, Any]
    try:
        report = {"containment": confine.settle(zygote.limits, user, zygote.filter_, zygote.namespaced)}
    except OSError as error:
        report = {"trouble": f"{error}"}
    os.write(trouble, json.dumps(report).encode())
    os.close(trouble)
    if "trouble" not in report:
        gc.freeze()
        Worker(Channel(channel)).serve()


class _ending:
    """The end of a forked child, whatever happens: never back into the parent's code."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        os._exit(0 if _[0] is None else 1)


def _keep_only(*kept: Any) -> None:
    """Closes every descriptor but standard ones and these."""
    numbers = sorted(each if isinstance(each, int) else each.fileno() for each in kept)
    before = 2
    for number in [*numbers, 1 << 16]:
        os.closerange(before + 1, number)
        before = number


def _tell(pipe: int, message: dict[str, Any], done: list[str]) -> None:
    if done and "containment" in message:
        message["containment"] = [*done, *message["containment"]]
    try:
        os.write(pipe, json.dumps(message).encode() + b"\n")
    except OSError:
        os._exit(0)  # the judge is gone, and the worker dies with us


def _resident_bytes(worker: int) -> int:
    """Resident memory of the worker and all its descendants."""
    total, queue = 0, [worker]
    while queue:
        pid = queue.pop()
        try:
            with open(f"/proc/{pid}/statm") as sizes:  # noqa: PTH123
                words = sizes.read().split()
            for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
                with open(f"/proc/{pid}/task/{thread}/children") as children:  # noqa: PTH123
                    queue += [int(child) for child in children.read().split()]
        except (OSError, ValueError):
            continue
        total += (int(words[1]) - int(words[2])) * os.sysconf("SC_PAGESIZE")
    return total


def _kill_session(session: int) -> None:
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            try:
                if os.getsid(int(name)) == session:
                    os.kill(int(name), signal.SIGKILL)
            except OSError:
                continue


def main(descriptor: int) -> None:
    """Reads the first message, says that it is ready, serves."""
    control = socket.socket(fileno=descriptor)
    channel = Channel(control)
    confine.die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    start = channel.receive()
    for name in start["preload"]:
        __import__(name)
    zygote = Zygote(
        control,
        confine.Limits(**start["limits"]),
        base64.b64decode(start["filter"]) if start["filter"] else None,
        start["namespaced"],
        start["first_user"],
    )
    gc.collect()
    gc.freeze()
    channel.send({"ready": True, "torch": torch.__version__})
    zygote.serve()


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except Broken:
        sys.exit(1)
