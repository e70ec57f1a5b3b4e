"""Every test that asks for `url` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from postgres import postgresql_server, postgresql_url

__all__ = ["postgresql_server", "postgresql_url"]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store."""
    return str(tmp_path / "store.db") if request.param == "sqlite" else str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def other_url(url: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A second empty store of the same kind."""
    if not url.startswith("postgresql"):
        return str(tmp_path / "other.db")
    import psycopg

    name = url.partition("///")[2].partition("?")[0] + "_other"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return url.replace(url.partition("///")[2].partition("?")[0], name, 1)
