"""Archives of submissions that somebody else made: read in memory, bounded, or refused in one sentence."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tripos.core.errors import ConfigError
from tripos.kernels import archive
from tripos.kernels.archive import archive_members, directory_members, is_archive

FILES = {"team/meta.json": b"{}", "team/t1/gelu.py": b"class ModelNew: ...\n"}
HOSTILE = [
    "../x.py", "/etc/x.py", "a/../../x.py", "t1/..", "a\\b.py", "C:/x.py", "t1/a\n.py", "x" * 500, "..", "/", "a\x1b[2J.py", "t1/\x7f.py",
]  # fmt: skip


def tar_of(members: dict[str, bytes], change: Callable[[tarfile.TarInfo], None] = lambda info: None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as packed:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            change(info)
            packed.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return out.getvalue()


def zip_of(members: dict[str, bytes], mode: int = 0) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(info, content)
    return out.getvalue()


def saved(folder: Path, content: bytes, name: str = "team.tar") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


PACKERS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "s.tar": tar_of,
    "s.tar.gz": lambda files: gzip.compress(tar_of(files)),
    "s.tar.bz2": lambda files: bz2.compress(tar_of(files)),
    "s.tar.xz": lambda files: lzma.compress(tar_of(files)),
    "s.tar.zst": lambda files: zstandard.compress(tar_of(files)),
    "s.zip": zip_of,
}


@pytest.mark.parametrize("name", PACKERS)
def test_members_come_out_as_they_went_in(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, PACKERS[name](FILES), name)
    assert is_archive(path)
    assert {str(place): content for place, content in archive_members(path)} == FILES
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_directories_and_a_leading_dot_are_ordinary(tmp_path: Path) -> None:
    (tmp_path / "src" / "t1").mkdir(parents=True)
    (tmp_path / "src" / "t1" / "gelu.py").write_text("x")
    with tarfile.open(tmp_path / "s.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "src", ".")
    assert archive_members(tmp_path / "s.tar.gz") == [(PurePosixPath("t1/gelu.py"), b"x")]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_a_name_that_climbs_or_hides_refuses_the_whole_archive(
    tmp_path: Path, name: str, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    with pytest.raises(ConfigError, match="has a name that no submission has; nothing of the archive was read"):
        archive_members(saved(tmp_path, pack({**FILES, name: b"x"})))


@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_a_directory_with_a_name_that_climbs_is_refused_too(tmp_path: Path, pack: Callable[..., bytes]) -> None:
    def as_directory(info: tarfile.TarInfo) -> None:
        info.type = tarfile.DIRTYPE

    content = tar_of({"../up": b""}, as_directory) if pack is tar_of else zip_of({"../up/": b""})
    with pytest.raises(ConfigError, match="has a name that no submission has"):
        archive_members(saved(tmp_path, content))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE])
def test_links_devices_and_pipes_refuse_a_tar_archive(tmp_path: Path, kind: bytes) -> None:
    def changed(info: tarfile.TarInfo) -> None:
        info.type, info.linkname, info.size = kind, "/etc/passwd", 0

    content = tar_of({"t1/gelu.py": b""}, changed)
    if kind == tarfile.CONTTYPE:  # an ordinary file by an old name
        assert archive_members(saved(tmp_path, content)) == [(PurePosixPath("t1/gelu.py"), b"")]
        return
    with pytest.raises(ConfigError, match="is a link, a device or another thing"):
        archive_members(saved(tmp_path, content))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_refuse_a_zip_archive(tmp_path: Path, kind: int) -> None:
    with pytest.raises(ConfigError, match="is a link or device"):
        archive_members(saved(tmp_path, zip_of({"t1/gelu.py": b"/etc/passwd"}, kind | 0o777)))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["t1/gelu.py", "./t1/gelu.py", "t1//gelu.py", "t1/./gelu.py"])
def test_a_name_that_is_there_twice_is_refused(tmp_path: Path, second: str) -> None:
    out, zipped = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as packed, zipfile.ZipFile(zipped, "w") as other:
        for name in ("t1/gelu.py", second):
            packed.addfile(tarfile.TarInfo(name), io.BytesIO())
            other.writestr(name, b"")
    for content in (out.getvalue(), zipped.getvalue()):
        with pytest.raises(ConfigError, match="is there twice"):
            archive_members(saved(tmp_path, content))


@pytest.mark.parametrize("name", PACKERS)
def test_a_bomb_is_refused_by_what_comes_out(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES", 1 << 20)
    many = {f"t1/c{n}.py": bytes(200_000) for n in range(8)}
    path = saved(tmp_path, PACKERS[name](many), name)
    with pytest.raises(ConfigError, match="than 1 MiB"):
        archive_members(path)


@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_one_huge_file_and_too_many_files_are_refused(
    tmp_path: Path, pack: Callable[[dict[str, bytes]], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="is larger than 4 MiB, which no kernel is"):
        archive_members(saved(tmp_path, pack({"t1/a.py": bytes((4 << 20) + 1)})))
    monkeypatch.setattr(archive, "MOST_FILES", 10)
    with pytest.raises(ConfigError, match="holds more than 10 files"):
        archive_members(saved(tmp_path, pack({f"t1/c{n}.py": b"" for n in range(11)})))


def test_many_directories_are_refused_as_many_files_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_FILES", 10)

    def as_directory(info: tarfile.TarInfo) -> None:
        info.type = tarfile.DIRTYPE

    with pytest.raises(ConfigError, match="holds more than 10 files"):
        archive_members(saved(tmp_path, tar_of({f"d{n}": b"" for n in range(30)}, as_directory)))


def test_a_zip_that_lies_about_its_sizes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST_FILE_BYTES", 1000)
    content = bytearray(zip_of({"t1/a.py": bytes(100_000)}))
    directory = content.index(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = (10).to_bytes(4, "little")  # claims ten bytes
    with pytest.raises(ConfigError, match=r"damaged|larger"):
        archive_members(saved(tmp_path, bytes(content)))


def test_a_header_of_any_length_is_within_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES", 1 << 20)

    def commented(info: tarfile.TarInfo) -> None:
        info.pax_headers = {"comment": "x" * (3 << 20)}

    with pytest.raises(ConfigError, match="unpacks to more than 1 MiB"):
        archive_members(saved(tmp_path, gzip.compress(tar_of({"t1/a.py": b""}, commented))))


def test_encrypted_cut_off_and_foreign_files_are_named(tmp_path: Path) -> None:
    encrypted = bytearray(zip_of({"t1/a.py": b"x"}))
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ConfigError, match=r"member 't1/a\.py' is encrypted"):
        archive_members(saved(tmp_path, bytes(encrypted)))
    for name, pack in PACKERS.items():
        content = pack({"t1/a.py": os.urandom(5000)})
        with pytest.raises(ConfigError, match=r"is damaged or|is cut off"):
            archive_members(saved(tmp_path, content[: len(content) // 2], name))
    whole = tar_of({f"t1/{letter}.py": b"x" * 700 for letter in "abc"})
    for length in range(512, 3 * 1536 + 1, 512):  # tarfile itself would take the first members for all
        with pytest.raises(ConfigError, match="damaged or"):
            archive_members(saved(tmp_path, whole[:length]))
    with pytest.raises(ConfigError, match="damaged or cut off after 1 files"):
        archive_members(saved(tmp_path, whole[:1536] + b"?" * 512 + whole[2048:]))
    for content in (b"", b"hello", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"):
        with pytest.raises(ConfigError, match="is damaged or no archive"):
            archive_members(saved(tmp_path, content))
    with pytest.raises(ConfigError, match="cannot read"):
        archive_members(tmp_path / "gone.zip")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.lists(st.text(st.sampled_from("t1a/.\\:é\n C"), min_size=1, max_size=12), min_size=1, max_size=4, unique=True), st.booleans())
def test_whatever_the_names_are_they_stay_below_or_nothing_is_read(tmp_path: Path, names: list[str], zipped: bool) -> None:
    pack = zip_of if zipped else tar_of
    try:
        members = archive_members(saved(tmp_path, pack(dict.fromkeys(names, b"x"))))
    except ConfigError:
        return
    root = Path("/somewhere/deep")
    for place, _ in members:
        assert (root / place).resolve().is_relative_to(root) and str(place) != "."
    assert len({place for place, _ in members}) == len(members)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.sampled_from(sorted(PACKERS)), st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_a_damaged_archive_is_an_error_never_a_crash(tmp_path: Path, name: str, at: int, noise: bytes) -> None:
    content = bytearray(PACKERS[name](FILES))
    at %= len(content)
    content[at : at + len(noise)] = noise
    with contextlib.suppress(ConfigError):
        archive_members(saved(tmp_path, bytes(content), name))


def test_a_directory_is_read_without_following_or_waiting(tmp_path: Path) -> None:
    root = tmp_path / "team"
    (root / "t1").mkdir(parents=True)
    (tmp_path / "secret.py").write_text("secret")
    (tmp_path / "elsewhere").mkdir()
    (root / "t1" / "good.py").write_text("good")
    (root / "t1" / "linked.py").symlink_to(tmp_path / "secret.py")
    (root / "t1" / "large.py").write_bytes(bytes(archive.LARGEST_FILE_BYTES + 1))
    (root / "t2").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(root / "t1" / "pipe.py")
    (root / ".git").mkdir()
    (root / ".git" / "hook.py").write_text("x")
    (root / "a/b/c/d/e/f/g/h").mkdir(parents=True)
    (root / "a/b/c/d/e/f/g/h/deep.py").write_text("x")
    found = dict(directory_members(root, lambda name: name.endswith(".py")))
    assert {str(place): content for place, content in found.items()} == {
        "t1/good.py": b"good",
        "t1/large.py": "is larger than 4 MiB, which no kernel is",
        "t1/linked.py": "is a link; only plain files are read",
        "t1/pipe.py": "is no plain file",
        "t2": "is a link; only plain directories are followed",
    }


def test_a_directory_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_FILES", 2)
    for n in range(3):
        (tmp_path / f"{n}.py").write_text("")
    with pytest.raises(ConfigError, match="holds more than 2 files; is this a directory of submissions"):
        list(directory_members(tmp_path, lambda name: True))


@pytest.mark.parametrize("name", ["s.tar", "s.tar.gz"])
@pytest.mark.parametrize("first", ["notes/kernels.zip", "PK/kernels.zip"])
def test_a_tar_that_holds_a_zip_is_read_as_the_tar(tmp_path: Path, name: str, first: str) -> None:
    files = {first: zip_of({"t1/other.py": b"x = 1\n"}), "t1/gelu.py": b"class ModelNew: ...\n"}
    packed = tar_of(files)
    path = saved(tmp_path, packed if name == "s.tar" else gzip.compress(packed, compresslevel=0), name)
    assert zipfile.is_zipfile(path), "so that the directory of the inner one is found"
    assert {str(place): content for place, content in archive_members(path)} == files


def test_a_zip_behind_a_program_that_unpacks_it_is_still_a_zip(tmp_path: Path) -> None:
    path = saved(tmp_path, b"#!/bin/sh\nexec unzip $0\n" + zip_of(FILES), "s.zip")
    assert {str(place): content for place, content in archive_members(path)} == FILES


def closed(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Makes a directory one that nobody may list, whoever runs the test."""
    listed = os.scandir

    def scandir(place: str) -> Iterator[os.DirEntry[str]]:
        if Path(place) == folder:
            raise PermissionError(13, "Permission denied", str(place))
        return listed(place)

    monkeypatch.setattr(os, "scandir", scandir)


def test_a_directory_that_cannot_be_listed_is_named_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tier in ("t1", "t2"):
        (tmp_path / tier).mkdir()
        (tmp_path / tier / "gelu.py").write_bytes(b"x = 1\n")
    closed(monkeypatch, tmp_path / "t1")
    found = dict(directory_members(tmp_path, lambda name: name.endswith(".py")))
    assert found == {PurePosixPath("t2/gelu.py"): b"x = 1\n", PurePosixPath("t1"): "cannot be read: Permission denied"}
    closed(monkeypatch, tmp_path)
    with pytest.raises(ConfigError, match=f"cannot read {tmp_path}: Permission denied"):
        list(directory_members(tmp_path, lambda name: True))
