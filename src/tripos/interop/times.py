"""Points in time as other tools write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def unix_seconds(value: Any) -> float | None:
    """Unix seconds of a number of seconds or an ISO 8601 text (UTC where it names no zone); None for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
