"""What chance decides about where workers' memory lies."""

from __future__ import annotations

import os

from tripos.kernels.isolation.inside import placement


def test_addresses_are_moved_by_whole_pages_and_hardly_ever_alike() -> None:
    shifts = [placement.shift() for _ in range(50)]
    assert all(shift > 0 and shift % placement.PAGE == 0 for shift in shifts)
    assert max(shifts) <= placement.PAGE * placement.MOST_SHIFT_PAGES
    assert len(set(shifts)) > 25


def test_processes_forked_from_one_do_not_draw_the_same() -> None:
    placement.toss()
    drawn = []
    for _ in range(2):
        reading, writing = os.pipe()
        if (child := os.fork()) == 0:
            os.write(writing, ",".join(str(placement.shift()) for _ in range(8)).encode())
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
