"""Checks of a drafted reply that need no judge: it says what it must, and nothing that the thread does not.

Dates, times, codes and numbers are read out of a text as canonical tokens; a reply is grounded when all of its tokens,
and the weekdays it names, are tokens of the thread.
"""

from __future__ import annotations

import re
from datetime import date, datetime

MIN_WORDS, MAX_WORDS = 20, 120
GREETING_CHARACTERS = 60

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
_MONTH = "|".join(f"{m}|{m[:3]}" for m in _MONTHS)
_CODE = re.compile(r"\b[A-Za-z]{2,5}-\d{3,}\b")
_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})(?=\D|\Z)")
_DAY_FIRST = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+({_MONTH})\b\.?,?(?:\s+(\d{{4}}))?", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"\b({_MONTH})\b\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?\b,?(?:\s+(\d{{4}})\b)?", re.IGNORECASE)
_TWELVE = re.compile(r"\b(\d{1,2})(?::(\d{2}))?\s*([ap])\.?m\b\.?", re.IGNORECASE)
_CLOCK = re.compile(r"(?<!\d)(\d{1,2}):(\d{2})(?::00)?(?!\d)")
_NUMBER = re.compile(r"\d+(?:[.,'’\u00a0\u202f]\d+)*")
_THOUSANDS = re.compile(r"\d{1,3}(?:[.,'’\u00a0\u202f]\d{3})+")
_WEEKDAY = re.compile(rf"\b({'|'.join(_WEEKDAYS)})\b", re.IGNORECASE)


def tokens(text: str) -> set[str]:
    """Canonical tokens: `code:KQ-48213`, `date:2026-03-12` (and `date:03-12`, as a date without its year), `time:16:30`,
    `number:4250`, `day:thursday`. What cannot be a date (31 June) stays numbers."""
    found: set[str] = set()

    def take(pattern: re.Pattern[str], read: str) -> None:
        nonlocal text
        text = pattern.sub(lambda m: _keep(found, _READERS[read](m), m[0]), text)

    take(_CODE, "code")
    for pattern, read in ((_ISO, "iso"), (_DAY_FIRST, "day first"), (_MONTH_FIRST, "month first"), (_TWELVE, "twelve"), (_CLOCK, "clock")):
        take(pattern, read)
    found |= {f"day:{m[0].lower()}" for m in _WEEKDAY.finditer(text)}
    found |= {f"number:{_number(m[0])}" for m in _NUMBER.finditer(text)}
    return found


def _keep(found: set[str], read: list[str], raw: str) -> str:
    found.update(read)
    return " ; " if read else raw


def _date(year: str | None, month: int, day: str) -> list[str]:
    try:
        read = date(int(year) if year else 2028, month, int(day))  # a leap year, so that 29 February is a day
    except ValueError:
        return []
    short = f"date:{read:%m-%d}"
    return [short, f"date:{read:%Y-%m-%d}"] if year else [short]


def _month(word: str) -> int:
    return next(i for i, name in enumerate(_MONTHS, 1) if name.startswith(word.lower()))


def _time(hour: int, minute: str | None) -> list[str]:
    return [f"time:{hour:02d}:{minute or '00'}"] if hour < 24 and int(minute or 0) < 60 else []


_READERS = {
    "code": lambda m: [f"code:{m[0].upper()}"],
    "iso": lambda m: _date(m[1], int(m[2]), m[3]),
    "day first": lambda m: _date(m[3], _month(m[2]), m[1]),
    "month first": lambda m: _date(m[3], _month(m[1]), m[2]),
    "twelve": lambda m: _time(int(m[1]) % 12 + (12 if m[3].lower() == "p" else 0), m[2]) if 1 <= int(m[1]) <= 12 else [],
    "clock": lambda m: _time(int(m[1]), m[2]),
}


def _number(raw: str) -> str:
    """Thousands separators removed; 4,250.00 is 4250."""
    split = re.fullmatch(r"(.*\d)[.,](\d{1,2})", raw)
    whole, cents = (split[1], split[2]) if split else (raw, "")
    digits = re.sub(r"\D", "", whole) if _THOUSANDS.fullmatch(whole) or whole.isdigit() else whole
    plain = digits.lstrip("0") or "0"
    return f"{plain}.{cents}" if cents.strip("0") else plain


def grounds(thread: str, due: datetime | None) -> list[str]:
    """The tokens that a reply may use, sorted: those of the thread, of the moment that is due, and the weekdays and years of its dates."""
    allowed = tokens(thread)
    if due is not None:
        allowed |= tokens(f"{due:%Y-%m-%d %H:%M}")
    for token in list(allowed):
        if re.fullmatch(r"date:\d{4}-\d{2}-\d{2}", token):
            allowed |= {f"day:{_WEEKDAYS[date.fromisoformat(token[5:]).weekday()]}", f"number:{token[5:9]}"}
    return sorted(allowed)


def reply_checks(
    reply: str, *, names: list[str], code: str, due: datetime | None, amount: int | None, allowed: list[str]
) -> dict[str, bool]:
    """Each check of a reply by name. `names` are the sender's first and last, `allowed` comes from `grounds`."""
    said = tokens(reply)
    head = reply.strip()[:GREETING_CHARACTERS]
    checks = {
        "length": MIN_WORDS <= len(reply.split()) <= MAX_WORDS,
        "greeting": any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", head, re.IGNORECASE) for name in names),
        "code": f"code:{code}" in said,
        "grounded": said <= set(allowed),
    }
    if due is not None:
        checks["due"] = f"date:{due:%m-%d}" in said
    if amount is not None:
        checks["amount"] = f"number:{amount}" in said
    return checks
