"""The floor of the performance bench: a bare pooled client. `bare_client.py {pyreqwest,aiohttp} DATA URL CONCURRENCY`"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import uvloop

CLIENT, DATA, URL, WORKERS = sys.argv[1], Path(sys.argv[2]), sys.argv[3] + "/chat/completions", int(sys.argv[4])
LETTER = re.compile(r"ANSWER: ([A-D])")
encode, decode = msgspec.json.encode, msgspec.json.decode


def record(row: dict[str, Any], body: bytes, file: Any) -> None:
    text = decode(body)["choices"][0]["message"]["content"]
    found = LETTER.search(text)
    file.write(encode({"id": row["id"], "ok": bool(found) and found[1] == row["answer"], "text": text, "prompt": row["prompt"]}) + b"\n")


async def ask_all(rows: Iterator[dict[str, Any]], file: Any) -> None:
    headers = {"Content-Type": "application/json"}

    def body(row: dict[str, Any]) -> bytes:
        return encode({"model": "fake", "messages": [{"role": "user", "content": row["prompt"]}], "max_tokens": 16, "temperature": 0.0})

    if CLIENT == "pyreqwest":
        from pyreqwest.client import ClientBuilder

        async with ClientBuilder().default_headers(headers).build() as session:

            async def work() -> None:
                for row in rows:
                    reply = await session.post(URL).body_bytes(body(row)).build().send()
                    record(row, bytes(await reply.bytes()), file)

            await asyncio.gather(*(work() for _ in range(WORKERS)))
    else:
        import aiohttp

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:

            async def work() -> None:
                for row in rows:
                    async with session.post(URL, data=body(row)) as reply:
                        record(row, await reply.read(), file)

            await asyncio.gather(*(work() for _ in range(WORKERS)))


ROWS = iter([decode(line) for line in DATA.read_bytes().splitlines()])
with Path("out.jsonl").open("wb", buffering=0) as out:
    uvloop.run(ask_all(ROWS, out))
