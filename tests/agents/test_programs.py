"""Programs of the model run in the sandbox over a copy of the sample's files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from tripos.agents import workspace as room
from tripos.agents.toolbox import Result, Toolbox
from tripos.agents.workspace import DRIVER, REPORT, ToolError, Workspace, _Report
from tripos.core.errors import SandboxError
from tripos.sandbox.choose import choose
from tripos.sandbox.sandbox import Limits

NAMES = ("code_interpreter", "shell_exec", "pdf_extract", "file_read", "file_write")


@pytest.fixture
def home(tmp_path: Path) -> Workspace:
    try:
        sandbox = choose()
    except SandboxError as error:
        pytest.skip(str(error))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "data.csv").write_text("n\n1\n2\n39\n")
    (tmp_path / "secret.txt").write_text("canary-outside")
    return Workspace(tmp_path / "home", sandbox)


async def call(home: Workspace, name: str, **arguments: object) -> Result:
    return await Toolbox(NAMES).call(name, msgspec.json.encode(arguments).decode(), home)


async def test_a_program_reads_the_files_and_what_it_writes_stays(home: Workspace) -> None:
    code = "total = sum(int(l) for l in open('data.csv').read().split()[1:])\nprint(total)\nopen('total.txt', 'w').write(str(total))"
    assert await call(home, "code_interpreter", code=code) == Result("42")
    assert await call(home, "file_read", path="total.txt") == Result("42")
    assert await call(home, "shell_exec", command="mkdir sub && mv total.txt sub/ && rm data.csv && ls") == Result("sub")
    assert home.names() == ["sub/total.txt"]


async def test_the_helpers_of_a_run_leave_no_trace(home: Workspace) -> None:
    await call(home, "code_interpreter", code="open('.program.py', 'a').write('#')")
    await call(home, "shell_exec", command="echo '#' >> .command.sh")
    assert home.names() == ["data.csv"]


async def test_errors_and_exit_codes_are_results(home: Workspace) -> None:
    found = await call(home, "code_interpreter", code="print('first')\n1 / 0")
    assert found.text.startswith("first\n[stderr]\nTraceback") and "ZeroDivisionError" in found.text
    assert found.text.endswith("[exit status 1]")
    assert (await call(home, "shell_exec", command="exit 7")).text == "[exit status 7]"
    assert (await call(home, "shell_exec", command="kill -9 $$")).text.endswith("[exit status 137]")
    assert (await call(home, "code_interpreter", code="x = 1")).text == "(it ended without printing anything)"


@pytest.mark.parametrize(
    "code",
    [
        "print(open('{outside}').read())",
        "print(open('../secret.txt').read())",
        "import os; os.symlink('{outside}', 'link'); print(open('link').read())",
        "import os; print(os.environ)",
        "import subprocess; print(subprocess.run(['cat', '{outside}'], capture_output=True).stdout)",
        "import tripos",
    ],
)
async def test_nothing_outside_can_be_read(home: Workspace, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary-key")
    found = await call(home, "code_interpreter", code=code.replace("{outside}", str(home.folder.parent / "secret.txt")))
    assert "canary" not in found.text


async def test_a_link_to_outside_is_not_brought_back(home: Workspace) -> None:
    await call(home, "shell_exec", command=f"ln -s {home.folder.parent}/secret.txt link; ln -s /etc/passwd data2.csv")
    assert home.names() == ["data.csv"]
    assert (await call(home, "file_read", path="link")).failed


async def test_there_is_no_network(home: Workspace) -> None:
    code = "import socket\ntry:\n    socket.create_connection(('127.0.0.1', 22), 2)\nexcept OSError as e:\n    print('refused', e)"
    assert (await call(home, "code_interpreter", code=code)).text.startswith("refused")


@pytest.mark.parametrize("name", ["../evil.txt", "/tmp/evil.txt", "a/../../evil.txt", "", "x\0y"])
def test_a_forged_report_cannot_write_outside(tmp_path: Path, name: str) -> None:
    (tmp_path / "home").mkdir()
    home = Workspace(tmp_path / "home")
    report = msgspec.json.encode(_Report(left=[name], changed={name: "ZXZpbA=="}))
    with pytest.raises(ToolError):
        home._bring_back(report, frozenset({DRIVER, REPORT}))
    assert [p.name for p in tmp_path.rglob("*")] == ["home"]


@pytest.mark.parametrize("report", [b"", b"[]", b"{", b'{"left": [], "changed": {"a": "!!"}}', b'{"left": 1, "changed": {}}', b"\xff"])
def test_a_report_that_cannot_be_read_is_said_to_the_model(tmp_path: Path, report: bytes) -> None:
    with pytest.raises(ToolError, match="could not be read back"):
        Workspace(tmp_path)._bring_back(report, frozenset())


async def test_limits_stop_a_program_and_are_told(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PROGRAM_LIMITS", Limits(wall_seconds=4.0))
    endless = await call(home, "code_interpreter", code="open('kept.txt', 'w').write('x')\nwhile True: pass")
    assert "[stopped: it" in endless.text and "files it wrote are lost" in endless.text
    monkeypatch.setattr(room, "PROGRAM_LIMITS", Limits(wall_seconds=120.0, output_bytes=1000))
    flood = await call(home, "code_interpreter", code="while True: print('x' * 1000)")
    assert "[stopped: it printed more" in flood.text
    assert home.names() == ["data.csv"]


async def test_files_that_are_too_large_are_not_kept_and_named(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PROGRAM_LIMITS", Limits(file_bytes=1 << 20))
    found = await call(home, "code_interpreter", code="open('big', 'w').write('x' * 600_000); open('small', 'w').write('y')")
    assert "big was not kept: too large" in found.text
    assert home.names() == ["data.csv", "small"]


async def test_calls_that_arrive_together_run_in_their_order(home: Workspace) -> None:
    commands = [f"echo {i} >> log" for i in range(4)]
    await asyncio.gather(*(call(home, "shell_exec", command=c) for c in commands))
    assert home.read("log") == b"0\n1\n2\n3\n"


async def test_text_of_a_pdf(home: Workspace) -> None:
    pytest.importorskip("pypdf")
    home.write("paper.pdf", pdf("Page one says 17", "Page two says 23"))
    found = await call(home, "pdf_extract", path="paper.pdf")
    assert found.text == "[page 1 of 2]\nPage one says 17\n[page 2 of 2]\nPage two says 23"
    assert (await call(home, "pdf_extract", path="paper.pdf", first_page=2)).text == "[page 2 of 2]\nPage two says 23"
    assert "has 2 pages" in (await call(home, "pdf_extract", path="paper.pdf", first_page=3)).text
    assert (await call(home, "pdf_extract", path="data.csv")).failed
    assert (await call(home, "pdf_extract", path="../secret.txt")).failed
    assert home.names() == ["data.csv", "paper.pdf"]


def pdf(*pages: str) -> bytes:
    """A PDF by hand: one line of text a page."""
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(pages)))
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>"]
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for i, text in enumerate(pages):
        box = "/MediaBox [0 0 300 200] /Resources << /Font << /F1 3 0 R >> >>"
        objects.append(f"<< /Type /Page /Parent 2 0 R {box} /Contents {5 + 2 * i} 0 R >>")
        stream = f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET"
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    body, places = "%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    trailer = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF"
    return f"{body}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}".encode()
