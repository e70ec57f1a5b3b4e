"""Whole columns of a table at once, as JSON arrays that the database itself puts together.

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
from tripos.results.score_table import Coder, Column
from tripos.store.database import Database
from tripos.store.schema import SQLITE

_texts = msgspec.json.Decoder(list[Any]).decode
_floats = msgspec.json.Decoder(list[float]).decode
_STARTS = "123456789abcdef"
"""Candidate ids are hexadecimal: the table is read in sixteen parts, so that memory does not grow with it."""

_WHOLE = ("is_correct", "prompt_tokens", "completion_tokens")

Keys = NDArray[np.bytes_]


class Where(NamedTuple):
    """A condition with its parameters."""

    sql: str
    parameters: tuple[Any, ...] = ()


class Numbers(NamedTuple):
    """One number a candidate, sorted by key."""

    keys: Keys
    values: Floats

    def of(self, wanted: Keys) -> Floats:
        """The number of each key; NaN where there is none."""
        return found(self.keys, self.values, wanted, np.nan)


def read_columns(database: Database, table: str, columns: Sequence[str], where: Where) -> list[list[Any]]:
    """Columns of a table, all in the same order of rows. Not for floating-point columns, which SQLite would round here."""
    aggregate = "json_group_array({})" if database.dialect is SQLITE else "json_agg({})::text"
    wanted = ", ".join(aggregate.format(name) for name in columns)
    row = database.execute(f"SELECT {wanted} FROM {table} WHERE {where.sql}", where.parameters)[0]
    return [_texts(text) if text else [] for text in row]


def read_numbers(database: Database, table: str, column: str, where: Where, *, narrow: bool) -> Numbers:
    """A number of every candidate that has one; exact to the last bit."""
    exact = "{}" if column in _WHOLE else "quote({})"  # SQLite shortens floating-point numbers where they become text
    number = f"group_concat({exact})" if database.dialect is SQLITE else "string_agg(({})::text, ',')"
    identity = "group_concat(candidate_id, '')" if database.dialect is SQLITE else "string_agg(candidate_id, '')"
    sql = f"SELECT {identity}, {number.format(column)}, min(length(candidate_id)), max(length(candidate_id)) FROM {table}"
    keys, values = [], []
    for part in _parts(Where(f"{column} IS NOT NULL AND {where.sql}", where.parameters), narrow):
        ids, numbers, shortest, longest = database.execute(f"{sql} WHERE {part.sql}", part.parameters)[0]
        if ids is None:
            continue
        keys.append(_keys(ids, shortest, longest))
        values.append(np.array(_floats(f"[{numbers}]"), np.float64))
    if not keys:
        return Numbers(np.empty(0, "S16"), np.empty(0))
    return Numbers(*_sorted(np.concatenate(keys), np.concatenate(values)))


def read_labels(database: Database, table: str, column: str, where: Where, *, narrow: bool) -> tuple[Keys, Column]:
    """A text of every candidate that has one, sorted by key."""
    coder, keys = Coder(), [np.empty(0, "S16")]
    for part in _parts(where, narrow):
        ids, labels = read_columns(database, table, ("candidate_id", column), part)
        keys.append(keys_of(ids))
        coder.add(labels)
    every = coder.column()
    names, codes = _sorted(np.concatenate(keys), every.codes)
    return names, Column(codes, every.labels)


def found(keys: Keys, values: NDArray[Any], wanted: Keys, otherwise: Any) -> NDArray[Any]:
    """values[i] where keys[i] is wanted; `keys` are sorted."""
    answers = np.full(len(wanted), otherwise, dtype=values.dtype)
    if len(keys) and len(wanted):
        order = np.argsort(wanted.view(">u8")[::2].astype(np.uint64))  # neighbours first: a random walk through memory takes thrice as long
        ordered = wanted[order]
        places = np.minimum(np.searchsorted(keys, ordered), len(keys) - 1)
        there = keys[places] == ordered
        answers[order[there]] = values[places[there]]
    return answers


def keys_of(candidate_ids: Sequence[str]) -> Keys:
    """Candidate ids (128 bits in hexadecimal) as 16 bytes each. Raises StoreError for any other."""
    if not candidate_ids:
        return np.empty(0, "S16")
    lengths = set(map(len, candidate_ids))
    return _keys("".join(candidate_ids), min(lengths), max(lengths))


def _keys(joined: str, shortest: int, longest: int) -> Keys:
    try:
        packed = bytes.fromhex(joined)
    except ValueError:
        packed = b""
    if (shortest, longest) != (32, 32) or len(packed) * 2 != len(joined):  # fromhex skips blanks
        raise StoreError(
            f"candidate ids must have 32 hexadecimal digits, found {shortest} to {longest} characters: run `tripos store verify`"
        )
    return np.frombuffer(packed, "S16")


def _sorted(keys: Keys, values: NDArray[Any]) -> tuple[Keys, NDArray[Any]]:
    if len(keys) < 2 or bool((keys[1:] >= keys[:-1]).all()):
        return keys, values
    order = np.argsort(keys, kind="stable")
    return keys[order], values[order]


def _parts(where: Where, narrow: bool) -> Iterator[Where]:
    if narrow:
        yield where
        return
    bounds = [None, *_STARTS, None]
    for low, high in pairwise(bounds):
        sql = where.sql + (" AND candidate_id >= ?" if low else "") + (" AND candidate_id < ?" if high else "")
        yield Where(sql, (*where.parameters, *(b for b in (low, high) if b)))
