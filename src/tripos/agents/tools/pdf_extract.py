"""Text of PDF files. The parser runs in the sandbox: a PDF is a program in all but name."""

from __future__ import annotations

import importlib.util

from tripos.agents.tool import ToolError, Workspace, tool
from tripos.agents.tools.code_interpreter import told
from tripos.core.errors import ConfigError

_PROGRAM = """\
import sys
from pypdf import PdfReader
reader = PdfReader(sys.argv[1])
if reader.is_encrypted:
    reader.decrypt("")
total = len(reader.pages)
first, last = int(sys.argv[2]), int(sys.argv[3]) or total
if not 1 <= first <= last:
    sys.exit(f"the document has {total} pages")
for number in range(first, min(last, total) + 1):
    print(f"[page {number} of {total}]")
    print(reader.pages[number - 1].extract_text())
"""


def _installed() -> None:
    if importlib.util.find_spec("pypdf") is None:
        raise ConfigError("the tool pdf_extract needs pypdf: pip install 'tripos[agents]'")


@tool("pdf_extract", sandbox=True, check=_installed)
async def pdf_extract(workspace: Workspace, path: str, first_page: int = 1, last_page: int = 0) -> str:
    """Get the text of a PDF file in your working directory, page by page. Scanned pages have no text.

    Args:
        path: name of the file, relative to the working directory.
        first_page: number of the first page wanted, from 1.
        last_page: number of the last page wanted; 0 means to the end.
    """
    data = workspace.read(path)
    argv = ["python3", "_extract.py", "_document.pdf", str(first_page), str(last_page)]
    done = await workspace.run(argv, {"_extract.py": _PROGRAM.encode(), "_document.pdf": data}, only=())
    if done.returncode != 0:
        reason = told(done).strip().splitlines()
        last = next((line for line in reversed(reason) if not line.startswith("[exit status")), "no reason given")
        raise ToolError(f"{path!r} could not be read as a PDF: {last}")
    return done.stdout.decode(errors="replace").strip() or "(there is no text in these pages)"
