"""The process that forks: it outlives what goes wrong with one evaluation."""

from __future__ import annotations

import errno
import os
import socket
import threading

import pytest

from tripos.kernels.isolation.inside.confine import Limits
from tripos.kernels.isolation.inside.held import REFERENCE, Failed, Held
from tripos.kernels.isolation.inside.zygote import Zygote

WAIT_SECONDS = 30


LIMITS = Limits(memory_bytes=1 << 30, disk_bytes=1 << 20, processes=8, cpu_seconds=10)


@pytest.fixture(autouse=True)
def no_process_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)


def test_an_evaluation_that_gets_no_judge_hears_it_and_the_next_can_ask_again() -> None:
    control, theirs = socket.socketpair()
    serving = threading.Thread(target=Zygote(theirs, LIMITS, None, None).serve)
    serving.start()
    with control:
        for _ in range(3):
            caller, judged = socket.socketpair()
            with caller:
                caller.settimeout(WAIT_SECONDS)
                with judged:
                    socket.send_fds(control, [b"e"], [judged.fileno()])
                assert caller.recv(1) == b""  # the other end is closed
    serving.join(WAIT_SECONDS)
    theirs.close()
    assert not serving.is_alive()


def test_a_judge_that_gets_no_worker_says_so() -> None:
    judge, zygote = socket.socketpair()
    with judge, zygote:
        judge.settimeout(WAIT_SECONDS)
        forking = threading.Thread(target=lambda: Zygote(zygote, LIMITS, None, None)._fork_worker(zygote, zygote.recv(1)))
        forking.start()
        with pytest.raises(Failed) as failed:
            Held(judge, REFERENCE)
        forking.join(WAIT_SECONDS)
    assert failed.value.outcome == "infrastructure_failed" and "could not fork" in failed.value.error
