"""No test of an engine sees the key, address and proxies of whoever runs it."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    proxies = [f"{what}_PROXY" for what in ("HTTP", "HTTPS", "ALL", "NO")]
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", *proxies, *map(str.lower, proxies)):
        monkeypatch.delenv(name, raising=False)
