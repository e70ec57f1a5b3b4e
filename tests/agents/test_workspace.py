"""A sample's folder: what is in it stays in it, and what is outside stays outside."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.agents import workspace as room
from tripos.agents.tool import PAGE
from tripos.agents.tools.file_read import file_read
from tripos.agents.tools.file_write import file_write
from tripos.agents.workspace import ToolError, Workspace, workspace
from tripos.core.records import Attachment


@pytest.fixture
def home(tmp_path: Path) -> Workspace:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "notes.txt").write_text("inside")
    (tmp_path / "secret.txt").write_text("outside")
    return Workspace(folder)


ESCAPES = ["../secret.txt", "a/../../secret.txt", "/etc/passwd", "//etc/passwd", "..", ".", "", " ", "a\0b", "./..", "x/" * 3000 + "y"]


@pytest.mark.parametrize("name", ESCAPES)
def test_a_name_that_leaves_the_folder_is_refused(home: Workspace, name: str) -> None:
    for attempt in (lambda: file_read.function(home, name), lambda: file_write.function(home, name, "x")):
        with pytest.raises(ToolError):
            attempt()
    assert home.names() == ["notes.txt"]


def test_an_absolute_name_of_its_own_file_is_refused_too_and_the_files_are_listed(home: Workspace) -> None:
    with pytest.raises(ToolError, match=r"relative name.*notes\.txt"):
        file_read.function(home, str(home.folder / "notes.txt"))


@pytest.mark.parametrize("target", ["secret.txt", "/etc/passwd", "."])
def test_links_lead_nowhere(home: Workspace, tmp_path: Path, target: str) -> None:
    (home.folder / "link").symlink_to(tmp_path / target)
    for name in ("link", "link/secret.txt", "link/notes.txt", "link/new.txt"):
        with pytest.raises(ToolError):
            file_read.function(home, name)
        with pytest.raises(ToolError):
            file_write.function(home, name, "overwritten")
    assert (tmp_path / "secret.txt").read_text() == "outside"
    assert "link" not in home.names()


@given(st.text(max_size=40))
def test_no_name_reaches_outside(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    home = Workspace(tmp_path_factory.mktemp("home"))
    with suppress(ToolError):
        assert home.path(name).is_relative_to(home.folder) and home.path(name) != home.folder


def test_writing_reading_and_appending(home: Workspace) -> None:
    assert file_write.function(home, "deep/er/a.txt", "one\n") == "deep/er/a.txt has 4 bytes now."
    assert file_write.function(home, "deep/er/a.txt", "two\n", append=True) == "deep/er/a.txt has 8 bytes now."
    assert file_read.function(home, "deep/er/a.txt") == "one\ntwo\n"
    assert home.names() == ["deep/er/a.txt", "notes.txt"]
    with pytest.raises(ToolError, match="directory"):
        file_write.function(home, "deep", "x")
    with pytest.raises(ToolError):
        file_write.function(home, "notes.txt/under", "x")


def test_a_missing_file_is_answered_with_those_there_are(home: Workspace) -> None:
    with pytest.raises(ToolError, match=r"no file 'data\.csv'.*notes\.txt"):
        file_read.function(home, "data.csv")


def test_long_files_come_in_pages(home: Workspace) -> None:
    text = "".join(f"line {i}\n" for i in range(4000))
    home.write("long.txt", text.encode())
    first = file_read.function(home, "long.txt")
    assert first.endswith(f"[characters 0 to {PAGE} of {len(text)}; go on with offset {PAGE}]")
    second = file_read.function(home, "long.txt", offset=PAGE)
    assert first[:PAGE] + second[:PAGE] == text[: 2 * PAGE]
    with pytest.raises(ToolError, match="outside"):
        file_read.function(home, "long.txt", offset=len(text))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Grüße".encode(), "Grüße"),
        ("Grüße".encode("cp1252"), "Grüße"),
        ("Grüße".encode("utf-16"), "Grüße"),
        (b"\xef\xbb\xbfhi", "hi"),
        (b"", "(the file is empty)"),
    ],
)
def test_texts_of_other_encodings_are_read(home: Workspace, data: bytes, text: str) -> None:
    home.write("t.txt", data)
    assert file_read.function(home, "t.txt").lstrip("\ufeff") == text


@pytest.mark.parametrize("data", [b"PK\3\4\0\0\0\0", b"%PDF-1.7\n", b"\x89PNG\r\n\x1a\n\0\0"])
def test_what_is_no_text_is_not_shown_as_text(home: Workspace, data: bytes) -> None:
    home.write("f", data)
    with pytest.raises(ToolError, match="not a text file"):
        file_read.function(home, "f")


def test_the_folder_is_bounded(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_BYTES", 100)
    home.write("a", b"x" * 60)
    home.write("a", b"x" * 90)  # the old content does not count
    with pytest.raises(ToolError, match="at most 100 bytes"):
        home.write("b", b"x" * 60)
    with pytest.raises(ToolError, match="at most"):
        file_write.function(home, "c", "x" * (1 << 21))


async def test_attachments_are_copies_and_the_folder_goes_away(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    (tmp_path / "cached").symlink_to(tmp_path / "data.csv")
    attached = (
        Attachment(name="table.csv", path=str(tmp_path / "cached")),
        Attachment(name="../../evil.csv", path=str(tmp_path / "data.csv")),
    )
    async with workspace(attached, None) as home:
        assert home.names() == ["evil.csv", "table.csv"]
        file_write.function(home, "table.csv", "changed")
        folder = home.folder
    assert not folder.exists()
    assert (tmp_path / "data.csv").read_text() == "a,b\n1,2\n"


async def test_the_folder_goes_away_after_an_error_too() -> None:
    seen: list[Any] = []
    with pytest.raises(RuntimeError):
        async with workspace((), None) as home:
            seen.append(home.folder)
            raise RuntimeError
    assert not seen[0].exists()
