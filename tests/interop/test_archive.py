"""Archives that somebody else made: bombs, names that climb, damage."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foreign_logs import zip_of
from tripos.core.errors import ConfigError
from tripos.interop import archive
from tripos.interop.archive import Archive


@pytest.mark.parametrize("method", [93, 8, 0])
def test_members_come_out_as_they_went_in(tmp_path: Path, method: int) -> None:
    data = {"a.json": b"{}" * 5000, "b/c.json": b"x"}
    with Archive(zip_of(tmp_path / "z", data, method=method)) as found:
        assert {n: found.read(n) for n in found.names()} == data


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "samples/../../x.json", "a\\..\\b"])
def test_a_name_that_leaves_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="leaves the archive"), Archive(zip_of(tmp_path / "z", {name: b"x"})):
        pass


@pytest.mark.parametrize("method", [93, 8])
def test_a_bomb_is_refused_by_what_it_claims(tmp_path: Path, method: int) -> None:
    bomb = zip_of(tmp_path / "z", {"samples/1.json": bytes(1 << 20)}, method=method, claimed=archive.LARGEST_MEMBER_BYTES + 1)
    with Archive(bomb) as found, pytest.raises(ConfigError, match=r"samples/1\.json.*zip bomb"):
        found.read("samples/1.json")


def test_a_bomb_that_lies_is_refused_by_what_comes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST_MEMBER_BYTES", 4 << 20)
    bomb = zip_of(tmp_path / "z", {"a": bytes(64 << 20)}, claimed=100)
    with Archive(bomb) as found, pytest.raises(ConfigError, match="zip bomb"):
        found.read("a")


@pytest.mark.parametrize("method", [93, 8, 0])
def test_a_wrong_checksum_is_damage(tmp_path: Path, method: int) -> None:
    path = zip_of(tmp_path / "z", {"a": b"hello world, hello world"}, method=method)
    body = bytearray(path.read_bytes())
    directory = body.index(b"PK\x01\x02")
    body[directory + 16] ^= 0xFF
    path.write_bytes(body)
    with Archive(path) as found, pytest.raises(ConfigError, match="member 'a' is damaged"):
        found.read("a")


def test_encrypted_members_are_named(tmp_path: Path) -> None:
    with Archive(zip_of(tmp_path / "z", {"a": b"x"}, flags=1)) as found, pytest.raises(ConfigError, match="encrypted"):
        found.read("a")


def test_an_archive_that_is_cut_off_is_one_sentence(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "log.eval", {"a": b"x" * 1000})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ConfigError, match=r"log\.eval: not a zip archive, or cut off"), Archive(path):
        pass


def test_what_python_wrote_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a", "first")
    with Archive(tmp_path / "z") as found:
        assert found.read("a") == b"first"


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_is_more_than_an_error_of_ours(tmp_path: Path, data: st.DataObject) -> None:
    path = zip_of(tmp_path / "z", {"header.json": b'{"a": 1}' * 20, "samples/1.json": b"{}"}, method=data.draw(st.sampled_from([93, 8, 0])))
    body = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(body[: data.draw(st.integers(1, len(body)))] if data.draw(st.booleans()) else body)
    try:
        with Archive(path) as found:
            for name in found.names():
                found.read(name)
    except ConfigError as error:
        assert str(path) in str(error)
