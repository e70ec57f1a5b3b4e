"""A private PostgreSQL server for tests: in a temporary directory, on a Unix socket, gone when the session ends."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The connection words of a fresh server."""
    programs = _programs()
    directory = Path(tempfile.mkdtemp(prefix="tripos-pg-"))
    user = _user()
    shutil.chown(directory, user)
    data = directory / "data"

    def command(*words: str) -> None:
        done = subprocess.run(words, user=user if os.geteuid() == 0 else None, cwd=directory, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    command(str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "tripos", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
    settings = f"-c listen_addresses='' -c unix_socket_directories={directory} -c fsync=off -c max_connections=40"
    try:
        command(str(programs / "pg_ctl"), "start", "-w", "-t", "600", "-D", str(data), "-l", str(directory / "log"), "-o", settings)
        yield f"host={directory}&user=tripos"
        command(str(programs / "pg_ctl"), "stop", "-w", "-m", "immediate", "-D", str(data))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def postgresql_url(postgresql_server: str) -> str:
    """A new, empty database."""
    name = f"t{next(_numbers)}"
    with psycopg.connect(f"postgresql:///postgres?{postgresql_server}", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql:///{name}?{postgresql_server}"


def _programs() -> Path:
    """Where the server's programs lie: Debian keeps them off the path."""
    found = [Path(p) for p in (shutil.which("postgres"),) if p] + sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.fail("these tests need a PostgreSQL server: apt-get install postgresql", pytrace=False)
    return found[-1].resolve().parent


def _user() -> str:
    """The server refuses to run as root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    names = {u.pw_name for u in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
