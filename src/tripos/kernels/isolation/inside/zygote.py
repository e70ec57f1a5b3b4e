"""The first process of the box: has torch loaded, has run nothing, and forks the processes of each evaluation.

It is told nothing but how to fork: sources, seeds and results travel between the caller and the judge on a socket that
only passes through here, so that a child's copy of this memory holds no secret. It must never run a torch operation: a
thread pool does not survive a fork.

    python -m inside.zygote CONTROL_DESCRIPTOR
"""

from __future__ import annotations

import base64
import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
from dataclasses import dataclass, replace
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
                    with contextlib.suppress(OSError):  # no process to be had: this evaluation's caller hears that its judge has gone
                        judges.append(self._fork_judge(socket.socket(fileno=descriptors[0])))
                elif data:
                    self._fork_worker(ready, data)
                else:
                    judges.remove(ready)
                    ready.close()

    def _fork_judge(self, caller: socket.socket) -> socket.socket:
        """Our end of the way to a new judge. Raises OSError."""
        ours, theirs = socket.socketpair()
        with caller, theirs:
            if os.fork() == 0:
                with _ending():
                    _become(caller, theirs)
                    judge.serve(Channel(caller), theirs)
        return ours

    def _fork_worker(self, asker: socket.socket, role: bytes) -> None:
        """Answers the judge with two descriptors: the worker's channel, and the pipe on which its keeper tells its fate; with none where
        no process was to be had.

        A reference has no limit of processes: where all workers are one user, a candidate could use that up.
        """
        ours, theirs = socket.socketpair()
        fate, tell = os.pipe()
        self.forked += 1
        answer = [ours.fileno(), fate]
        try:
            if os.fork() == 0:
                with _ending():
                    _become(theirs, tell)
                    self._keep(theirs, tell, self.limits if role == b"c" else replace(self.limits, processes=None))
        except OSError:
            answer = []
        theirs.close()
        os.close(tell)
        with contextlib.suppress(ConnectionError):  # the judge is gone, and the keeper will see it
            socket.send_fds(asker, [b"w"], answer)
        ours.close()
        os.close(fate)

    def _keep(self, channel: socket.socket, tell: int, limits: confine.Limits) -> None:
        """The keeper: parent of one worker, outside its namespaces. Watches its memory, tells how it ended; ends it with the judge."""
        done = confine.separate()
        heard, trouble = os.pipe()
        child = os.fork()
        if child == 0:
            with _ending():
                _keep_only(channel, trouble)
                self._be_worker(channel, trouble, limits)
        os.close(trouble)
        channel.close()
        with open(heard) as settled:  # noqa: PTH123
            text = settled.read()
        report = json.loads(text) if text else {"trouble": "the worker ended before it began"}
        if "containment" in report:
            report["containment"] = [*done, *report["containment"]]
        _tell(tell, {"pid": child, **report})
        watched = select.poll()
        watched.register(os.pidfd_open(child), select.POLLIN)
        watched.register(tell, 0)  # an error is reported unasked: nobody holds the other end, the judge is gone
        while not (happened := watched.poll(WATCH_SECONDS * 1000)):
            if _memory_bytes() > limits.memory_bytes:
                os.kill(child, signal.SIGKILL)
                _tell(tell, {"stopped": "memory"})
                return
        if any(descriptor == tell for descriptor, _ in happened):
            os.kill(child, signal.SIGKILL)
            return
        _tell(tell, {"status": os.waitpid(child, 0)[1]})

    def _be_worker(self, channel: socket.socket, trouble: int, limits: confine.Limits) -> None:
        os.setsid()
        user = None if self.first_user is None else self.first_user + self.forked % USERS
        report: dict[str, Any]
        try:
            report = {"containment": confine.settle(limits, user, self.filter_)}
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


def _become(*kept: Any) -> None:
    """A forked child that is neither the zygote nor a way to reach it."""
    _keep_only(*kept)
    confine.silence()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    confine.die_with_parent()


def _tell(pipe: int, message: dict[str, Any]) -> None:
    try:
        os.write(pipe, json.dumps(message).encode() + b"\n")
    except OSError:
        os._exit(0)  # the judge is gone, and the worker dies with us


def _memory_bytes() -> int:
    """Memory of all processes in the worker's /proc, which is also its keeper's: their own, what they share, page tables; not files."""
    total = 0
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/status") as status:  # noqa: PTH123
                total += sum(1024 * int(line.split()[1]) for line in status if line.startswith(("RssAnon:", "RssShmem:", "VmPTE:")))
    return total


def main(descriptor: int) -> None:
    """Reads the first message, says that it is ready, serves."""
    control = socket.socket(fileno=descriptor)
    channel = Channel(control)
    confine.die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    start = channel.receive()
    if not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):  # noqa: PTH110
        sys.exit(
            "this kernel does not list the children of processes (CONFIG_PROC_CHILDREN), so work behind a measurement could not be seen"
        )
    for name in start["preload"]:
        __import__(name)
    confine.keep_large_results()
    zygote = Zygote(
        control,
        confine.Limits(**start["limits"]),
        base64.b64decode(start["filter"]) if start["filter"] else None,
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
