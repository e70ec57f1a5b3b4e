"""What chance decides about where workers' memory lies."""

from __future__ import annotations

import os
import subprocess
import sys

from tripos.kernels.isolation.inside import placement

FORKS = """
import os, torch
from tripos.kernels.isolation.inside import placement

for drawn in range(12):
    if os.fork() == 0:
        kept = [placement.scattered(drawn), *(torch.empty(size, dtype=torch.uint8) for size in (1 << 13, 1 << 14, 1 << 24))]
        print(*(tensor.data_ptr() for tensor in kept[1:]), flush=True)
        os._exit(0)
    os.wait()
"""


def test_what_is_allocated_later_lies_elsewhere_in_every_worker() -> None:
    """All are forked from one process that has done nothing, as workers are."""
    told = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=True).stdout
    found = [[int(address) for address in line.split()] for line in told.splitlines()]
    assert len(found) == 12
    *of_the_heap, mapped = zip(*found, strict=True)
    for addresses in of_the_heap:  # on other pages, and in another place of the page, which is what the first cache goes by
        assert len({address % placement.PAGE for address in addresses}) > 3
    assert len({address // placement.PAGE for address in mapped}) > 3


def test_processes_forked_from_one_do_not_draw_the_same() -> None:
    placement.toss()
    drawn = []
    for _ in range(2):
        reading, writing = os.pipe()
        if (child := os.fork()) == 0:
            os.write(writing, ",".join(str(placement.draw()) for _ in range(8)).encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(writing)
        drawn.append(os.read(reading, 1000))
        os.close(reading)
    assert drawn[0] and drawn[0] != drawn[1]


def test_either_comes_first() -> None:
    assert 400 < sum(placement.toss() for _ in range(1000)) < 600  # 6.3 standard deviations


def test_the_ballast_holds_memory_for_as_long_as_its_block() -> None:
    def anonymous_kilobytes() -> int:
        with open("/proc/self/smaps_rollup") as told:  # noqa: PTH123
            return sum(int(line.split()[1]) for line in told if line.startswith("Pss_Shmem:") or line.startswith("Pss_Anon:"))

    before, held = anonymous_kilobytes(), []
    for _ in range(5):
        with placement.ballast():
            held.append(anonymous_kilobytes() - before)
    assert max(held) > 1000 and anonymous_kilobytes() - before < max(held)
