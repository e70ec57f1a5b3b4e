"""Whole columns of a table at once, as texts that the database itself puts together.

A row at a time costs Python more than the database spends on it: a million rows of four columns come three times faster so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from tripos.core.errors import StoreError
from tripos.results.items import Floats
from tripos.results.score_table import Coder, Column, Small
from tripos.store.database import Database
from tripos.store.schema import SQLITE

_floats = msgspec.json.Decoder(list[float | None]).decode
_STARTS = "123456789abcdef"
"""Candidate ids are hexadecimal: the table is read in sixteen parts, so that memory does not grow with it."""

_DIGITS = 32
_WHOLE = ("is_correct", "prompt_tokens", "completion_tokens")

Keys = NDArray[np.bytes_]
Places = NDArray[np.int64]


class Where(NamedTuple):
    """A condition with its parameters."""

    sql: str
    parameters: tuple[Any, ...] = ()


class Candidates(NamedTuple):
    """A number and a label of each candidate, sorted by key. `numbers` are NaN, `labels` None where they were not asked for."""

    keys: Keys
    numbers: Floats
    labels: Column

    def places(self, wanted: Keys) -> Places:
        """Where each key stands here; -1 for one that does not."""
        places = np.full(len(wanted), -1, np.int64)
        if len(self.keys) and len(wanted):
            halves, known = _halves(wanted), _halves(self.keys)
            order = np.argsort(halves)  # neighbours first: a random walk through memory takes thrice
            ordered = wanted[order]
            alike = bool((known[1:] == known[:-1]).any())  # then half a key does not say which
            found = np.searchsorted(self.keys, ordered) if alike else np.searchsorted(known, halves[order])
            nearest = np.minimum(found, len(self.keys) - 1)
            places[order] = np.where(self.keys[nearest] == ordered, nearest, -1)
        return places

    def numbers_at(self, places: Places) -> Floats:
        """The number at each place; NaN at -1."""
        return np.append(self.numbers, np.nan)[places]

    def codes_at(self, places: Places) -> Small:
        """The code of the label at each place; one that no label has at -1."""
        return np.append(self.labels.codes, np.int32(len(self.labels.labels)))[places]


def read_trials(database: Database, columns: Sequence[str], where: Where) -> tuple[Keys, list[str]]:
    """(candidate of each trial, columns of the `trial` table as JSON lists), all in one order of rows. Not for floating-point columns."""
    sqlite = database.dialect is SQLITE
    wanted = "".join(f", json_group_array({name})" if sqlite else f", json_agg({name})::text" for name in columns)
    # in SQLite the table lies in the order of its key; sums of floating-point numbers depend on their order in the last bit
    rows = "trial" if sqlite else "(SELECT * FROM trial ORDER BY run_id, record_id, prompt_variant_id, attempt) AS ordered"
    joined, count, *texts = database.execute(
        f"SELECT {_identity(sqlite)}, count(*){wanted} FROM {rows} WHERE {where.sql}", where.parameters
    )[0]
    return _keys(joined, count), [text or "[]" for text in texts]  # PostgreSQL: NULL for no rows


def read_candidates(
    database: Database, table: str, where: Where, *, number: str | None = None, label: str | None = None, narrow: bool
) -> Candidates:
    """A numeric column, exact to the last bit, and a text column of a table with one row a candidate.

    Args:
        narrow: `where` keeps to few rows, which are read at once.
    """
    sqlite = database.dialect is SQLITE
    columns = [_identity(sqlite), "count(*)", "NULL" if number is None else _number(number, sqlite)]
    columns.append("NULL" if label is None else f"json_group_array({label})" if sqlite else f"json_agg({label})::text")
    keys, numbers, coder = [np.empty(0, "S16")], [np.empty(0)], Coder()
    if number is not None and label is None:
        where = Where(f"{number} IS NOT NULL AND {where.sql}", where.parameters)
    for part in _parts(where, narrow):
        joined, count, values, labels = database.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE {part.sql}", part.parameters)[0]
        keys.append(_keys(joined, count))
        numbers.append(np.array(_floats(f"[{values}]"), np.float64) if values else np.full(count, np.nan))
        coder.add_constant(None, count) if label is None else coder.add_json(labels or "[]")
    return _sorted(Candidates(np.concatenate(keys), np.concatenate(numbers), coder.column()))


def keys_of(candidate_ids: Sequence[str]) -> Keys:
    """Candidate ids (128 bits in hexadecimal) as 16 bytes each. Raises StoreError for any other."""
    return _keys(" ".join(candidate_ids), len(candidate_ids))


def ids_of(keys: Keys) -> list[str]:
    """Keys as candidate ids."""
    digits = keys.tobytes().hex()
    return [digits[i : i + _DIGITS] for i in range(0, len(digits), _DIGITS)]


def _identity(sqlite: bool) -> str:
    return f"{'group_concat' if sqlite else 'string_agg'}(candidate_id, ' ')"


def _number(column: str, sqlite: bool) -> str:
    if not sqlite:
        return f"string_agg(coalesce(({column})::text, 'null'), ',')"
    if column in _WHOLE:
        return f"group_concat(coalesce({column}, 'null'))"
    # SQLite shortens floating-point numbers where they become text, except in quote(), which is slow: 0 and 1 are most of all scores
    text = f"WHEN {column} IS NULL THEN 'null' WHEN {column} = 1 THEN '1' WHEN {column} = 0 THEN '0' ELSE quote({column})"
    return f"group_concat(CASE {text} END)"


def _keys(joined: str | None, count: int) -> Keys:
    """Ids with a blank between any two; `fromhex` skips blanks wherever they are."""
    if not count:
        return np.empty(0, "S16")
    text = joined or ""
    try:
        packed = bytes.fromhex(text)
    except ValueError:
        packed = b""
    if len(packed) * 2 != count * _DIGITS or text[_DIGITS :: _DIGITS + 1] != " " * (count - 1):
        raise StoreError(f"candidate ids must have {_DIGITS} hexadecimal digits, found others: run `tripos store verify`")
    return np.frombuffer(packed, "S16")


def _halves(keys: Keys) -> NDArray[np.uint64]:
    """The first half of each key as a number: sorts as the keys do, and is found twice as fast."""
    return keys.view(">u8")[::2].astype(np.uint64)


def _sorted(found: Candidates) -> Candidates:
    if len(found.keys) < 2 or bool((found.keys[1:] >= found.keys[:-1]).all()):
        return found
    order = np.argsort(found.keys, kind="stable")
    return Candidates(found.keys[order], found.numbers[order], Column(found.labels.codes[order], found.labels.labels))


def _parts(where: Where, narrow: bool) -> Iterator[Where]:
    if narrow:
        yield where
        return
    bounds = [None, *_STARTS, None]
    for low, high in pairwise(bounds):
        sql = where.sql + (" AND candidate_id >= ?" if low else "") + (" AND candidate_id < ?" if high else "")
        yield Where(sql, (*where.parameters, *(b for b in (low, high) if b)))
