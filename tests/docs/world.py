"""The world that the examples of the documentation meet: a model server, a shelf of rows, a checkout. All made up, all local.

Questions carry their own number, and the server knows that the key of item n is "ABCD"[n % 4]; how often a model finds it depends
on its name. Asked to judge, it replies in the form that the prompt asks for.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from pages import ROOT

MODELS = {"qwen3:8b": 80, "Qwen/Qwen3-8B": 80, "qwen3:1.7b": 45, "judge-model": 100}
"""What the server lists, and how many of a hundred questions each model gets right."""
_REPLIES = (("grade:", "reasoning: compared\ngrade: CORRECT"), ("VERDICT:", "VERDICT: NONE"), ("correct:", "correct: yes"))


class _Handler(BaseHTTPRequestHandler):
    protocol_version: ClassVar[str] = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/api/tags":
            self._send({"models": [{"name": name} for name in MODELS]})
        else:
            self._send({"data": [{"id": name} for name in MODELS]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt = asked["messages"][-1]["content"]
        message = {"role": "assistant", "content": _answer(asked["model"], prompt)}
        usage = {"prompt_tokens": len(prompt) // 4, "completion_tokens": 12}
        self._send({"model": asked["model"], "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage})

    def _send(self, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Silent."""


def _answer(model: str, prompt: str) -> str:
    item = re.search(r"item (\d+)", prompt)
    if model == "judge-model" or item is None:
        return next((reply for mark, reply in _REPLIES if mark in prompt), "I do not know.")
    number = int(item[1])
    is_right = hashlib.sha256(f"{model}/{number}".encode()).digest()[0] % 100 < MODELS[model]
    return f"I compare the options.\nAnswer: {'ABCD'[number % 4 if is_right else (number + 1) % 4]}"


@contextmanager
def model_server() -> Iterator[str]:
    """A running server; yields its address, `http://127.0.0.1:PORT`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def shelf(directory: Path) -> Path:
    """A data directory (`TRIPOS_DATA_DIR`) with rows of our own in the true columns."""
    rows = [
        {
            "uuid": f"own-{n:03d}",
            "question": f"Which letter is the key of item {n}?",
            "options": ["first", "second", "third", "fourth"],
            "answer": ("first", "second", "third", "fourth")[n % 4],
            "answer_letter": "ABCD"[n % 4],
            "discipline": "Science" if n % 2 else "Arts",
            "field": "Physics" if n % 2 else "Music",
            "subfield": "Optics" if n % 2 else "Harmony",
            "difficulty": "easy" if n % 3 else "hard",
            "is_calculation": False,
        }
        for n in range(80)
    ]
    facts = [
        {"problem": f"What is the name of river {n}?", "answer": f"River {n}", "metadata": "{'topic': 'Geography', 'answer_type': 'Place'}"}
        for n in range(12)
    ]
    for key, split, lines in (("supergpqa", "train", rows), ("simpleqa", "test", facts)):
        place = directory / key
        place.mkdir(parents=True)
        place.joinpath(f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return directory


def checkout(directory: Path) -> Path:
    """What a contributor has: the sources, to change at will."""
    shutil.copytree(ROOT / "src", directory / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return directory


def environment(server: str, data: Path, plugins: Path, sources: Path | None) -> dict[str, str]:
    """What the commands see: no keys, this interpreter's `tripos`, Ollama at the server, pip into a directory of its own."""
    kept = {k: v for k, v in os.environ.items() if not k.endswith(("_API_KEY", "_HOST", "_BASE_URL", "_TOKEN"))}
    paths = [str(p) for p in (sources, plugins) if p is not None]
    return kept | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": ":".join(paths),
        "OLLAMA_HOST": server,
        "TRIPOS_DATA_DIR": str(data),
        "HF_HUB_OFFLINE": "1",
        "NO_COLOR": "1",
        "COLUMNS": "160",
        "PIP_TARGET": str(plugins),  # `pip install .` of an example must not touch this environment
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this as: do not isolate
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
