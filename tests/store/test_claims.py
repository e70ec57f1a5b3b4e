"""Who holds what: granted once, given back at the end, taken over from the dead and from those who let it lapse."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import made
import pytest

from tripos.store import claims
from tripos.store.claims import Claims, living
from tripos.store.database import Database
from tripos.store.rebuild import rebuild
from tripos.store.writer import Writer


def test_a_candidate_is_granted_to_one_process_alone(url: str) -> None:
    one, two = Claims(Database(url), "one"), Claims(Database(url), "two")
    assert one.take([], ["a", "b"]) == {"a", "b"}
    assert two.take([], ["b", "c"]) == {"c"}
    assert one.take(["a"], ["c", "d"]) == {"d"}, "b was over: it is not held any more"
    assert two.take(["c"], ["b", "a"]) == {"b"}
    one.release()
    assert two.take([], ["a", "d"]) == {"a", "d"}
    two.release()
    assert Database(url).execute("SELECT count(*) FROM claim") == [(0,)]


def test_a_lease_that_was_not_renewed_is_void_and_one_that_was_holds(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = Claims(Database(url), "one"), Claims(Database(url), "two")
    now = 1000.0
    monkeypatch.setattr(Database, "clock", lambda self: now)
    one.take([], ["a"])
    now += claims.LEASE_SECONDS - 1
    assert two.take([], ["a"]) == set()
    monkeypatch.setattr(claims, "RENEW_SECONDS", -1.0)
    one.renew_in_time()
    now += claims.LEASE_SECONDS - 1
    assert two.take([], ["a"]) == set()
    now += 2
    assert two.take([], ["a"]) == {"a"}


def test_a_dead_process_of_this_machine_holds_nothing(url: str) -> None:
    program = "import os, sys; from tripos.store.claims import Claims; from tripos.store.database import Database\n"
    program += "print(Claims(Database(sys.argv[1]), 'dead').take([], ['a'])); sys.stdout.flush(); os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", program, url], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout == "{'a'}\n"
    assert living(Database(url)) == []
    assert Claims(Database(url), "alive").take([], ["a"]) == {"a"}


@pytest.mark.parametrize(
    ("owner", "holds"),
    [
        (f"elsewhere/1 {os.getpid()} 1", True),
        (f"{claims._machine()} {os.getpid()} 1", not Path("/proc").exists()),  # another process had this number before
        (f"{claims._machine()} 999999999 1", False),
        (f"{claims._machine()} 1 ?", True),
    ],
    ids=["another machine", "a number used again", "no such process", "one that cannot be asked"],
)
def test_only_what_can_be_seen_to_be_gone_is_gone(url: str, owner: str, holds: bool) -> None:
    database = Database(url)
    database.execute("INSERT INTO claim VALUES ('other', ?, ?, 'a b')", (owner, database.clock() + 30))
    assert bool(living(database)) is holds
    assert Claims(database, "mine").take([], ["a", "c"]) == ({"c"} if holds else {"a", "c"})


def test_a_writer_renews_while_nothing_is_written_and_gives_back_at_its_end(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from running import wait_until
    from tripos.store import writer as module

    monkeypatch.setattr(module, "RENEW_SECONDS", 0.05)
    monkeypatch.setattr(claims, "RENEW_SECONDS", 0.05)
    writer, database = Writer(Database(url)), Database(url)
    assert writer.claim([], ["a"]) == {"a"}
    first = database.execute("SELECT until FROM claim")[0][0]
    wait_until(lambda: database.execute("SELECT until FROM claim")[0][0] > first)
    writer.close()
    assert database.execute("SELECT count(*) FROM claim") == [(0,)]


def test_a_store_that_is_being_written_is_not_rebuilt(url: str) -> None:
    from tripos.core.errors import StoreError

    writer, database = Writer(Database(url)), Database(url)
    writer.claim([], ["a"])
    with pytest.raises(StoreError, match=f"is being written by process {os.getpid()} on .*; wait for it or stop it"):
        rebuild(database)
    writer.close()
    assert rebuild(database)["trial"] == 0


def test_a_claim_leaves_no_trace_in_the_record(url: str) -> None:
    made.fill(url, made.trial("a"))
    before = made.tables(Database(url))
    writer = Writer(Database(url))
    writer.claim([], ["a", "b"])
    writer.close()
    assert made.tables(Database(url)) == before
    assert Database(url).execute("SELECT count(*) FROM stream") == [(1,)], "who writes nothing is no stream"
