"""Operations on lists of records (dictionaries with four fields) and on tables (dictionaries from string to integer).

Field names are drawn per task and reach an operation through `needs`: `label` (a string to group by), `who` (a string),
`amount` (an integer, in raw records possibly None), `flag` (a boolean).
"""

from __future__ import annotations

from typing import Any

from tripos.benchmarks.use_cases.coding.steps import CODE_ORDER, KEY_ORDER, MODULO, QUOTIENT, Op, pick

Record = dict[str, Any]


def _groups(v: list[Record], label: str) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = {}
    for record in v:
        groups.setdefault(record[label], []).append(record)
    return groups


def _richest(v: list[Record], who: str, amount: str) -> list[Record]:
    best: dict[str, Record] = {}
    for record in v:
        if record[who] not in best or record[amount] > best[record[who]][amount]:
            best[record[who]] = record
    return [record for record in v if best[record[who]] is record]


RAW_OPS = (
    Op(
        "raw", "records",
        ("Where {amount!r} is None, take it as {d}.", "A missing {amount!r} (None) counts as {d}."),
        "v = [{**r, {amount!r}: {d} if r[{amount!r}] is None else r[{amount!r}]} for r in v]",
        lambda v, amount, d: [r if r[amount] is not None else {**r, amount: d} for r in v], pick(d=(0, 1, 5, 10)), needs=("amount",),
    ),
    Op(
        "raw", "records",
        ("Leave out the records whose {amount!r} is None.", "Ignore every record without an {amount!r}, that is, where it is None."),
        "v = [r for r in v if r[{amount!r}] is not None]",
        lambda v, amount: [r for r in v if isinstance(r[amount], int)], needs=("amount",),
    ),
)  # fmt: skip

RECORD_OPS = (
    Op(
        "records", "records",
        ("Keep only the records whose {amount!r} is at least {t}.", "Drop each record whose {amount!r} is below {t}."),
        "v = [r for r in v if r[{amount!r}] >= {t}]",
        lambda v, amount, t: [r for r in v if not r[amount] < t], pick(t=range(3, 20)), needs=("amount",),
    ),
    Op(
        "records", "records",
        ("Keep only the records whose {flag!r} is {b}.", "Use just those records where {flag!r} is {b}."),
        "v = [r for r in v if r[{flag!r}] is {b}]",
        lambda v, flag, b: [r for r in v if r[flag] == b], pick(b=(True, False)), needs=("flag",),
    ),
    Op(
        "records", "records",
        ("Of records with the same {who!r} keep the first one only.",
         "Skip every record whose {who!r} already appeared in an earlier record."),
        "seen = []\nkept = []\nfor r in v:\n    if r[{who!r}] not in seen:\n        seen.append(r[{who!r}])\n        kept.append(r)\nv "
        "= kept",
        lambda v, who: [r for i, r in enumerate(v) if r[who] not in [s[who] for s in v[:i]]], needs=("who",),
    ),
    Op(
        "records", "records",
        ("Of records with the same {who!r} keep only the one with the largest {amount!r} (the earliest of several); the order stays.",
         "For each {who!r} only the record with the highest {amount!r} survives, the earliest one in a tie; survivors keep their order."),
        "v = [r for i, r in enumerate(v)\n     if not any(s[{who!r}] == r[{who!r}] and (s[{amount!r}] > r[{amount!r}] or "
        "s[{amount!r}] == r[{amount!r}] and j < i)\n                for j, s in enumerate(v))]",
        _richest, needs=("who", "amount"),
    ),
    Op(
        "records", "records",
        ("Where {flag!r} is true, multiply {amount!r} by {k}.",
         "Let the {amount!r} of every record whose {flag!r} is true count {k} times."),
        "v = [{**r, {amount!r}: r[{amount!r}] * {k}} if r[{flag!r}] else r for r in v]",
        lambda v, amount, flag, k: [{**r, amount: r[amount] * (k if r[flag] else 1)} for r in v], pick(k=(2, 3, 4)),
        needs=("amount", "flag"),
    ),
    Op(
        "records", "records",
        ("Subtract {k} from {amount!r} in every record, but never go below 0: smaller results become 0.",
         "Lower each {amount!r} by {k}; where that would be negative, make it 0."),
        "v = [{**r, {amount!r}: max(0, r[{amount!r}] - {k})} for r in v]",
        lambda v, amount, k: [{**r, amount: r[amount] - k if r[amount] > k else 0} for r in v], pick(k=(2, 3, 4, 5, 6)), needs=("amount",),
    ),
    Op(
        "records", "records",
        ("Sort the records by {amount!r}, largest first; records with equal {amount!r} keep their order.",
         "Order the records by descending {amount!r}, leaving ties in their present order."),
        "v = sorted(v, key=lambda r: -r[{amount!r}])",
        lambda v, amount: sorted(v, key=lambda r: r[amount], reverse=True), needs=("amount",),
    ),
    Op(
        "records", "records",
        ("Within each {label!r} keep the first {k} records at most; the order stays.",
         "Of every {label!r} only the {k} earliest records remain, in unchanged order."),
        "kept = []\nfor r in v:\n    if sum(s[{label!r}] == r[{label!r}] for s in kept) < {k}:\n        kept.append(r)\nv = kept",
        lambda v, label, k: [r for i, r in enumerate(v) if [s[label] for s in v[:i]].count(r[label]) < k], pick(k=(1, 2, 3)),
        needs=("label",),
    ),
    Op(
        "records", "table",
        ("Make a dictionary from each {label!r} that is left to the sum of its {amount!r}.",
         "Group by {label!r} and add up {amount!r} within each group; go on with the dictionary of these sums."),
        "sums = {}\nfor r in v:\n    sums[r[{label!r}]] = sums.get(r[{label!r}], 0) + r[{amount!r}]\nv = sums",
        lambda v, label, amount: {k: sum(r[amount] for r in g) for k, g in _groups(v, label).items()}, needs=("label", "amount"),
        notes=(KEY_ORDER,),
    ),
    Op(
        "records", "table",
        ("Make a dictionary from each {label!r} that is left to the number of different {who!r} values in its records.",
         "For every {label!r} still present count the distinct {who!r} values; go on with the dictionary of these counts."),
        "members = {}\nfor r in v:\n    members.setdefault(r[{label!r}], set()).add(r[{who!r}])\n"
        "v = {key: len(found) for key, found in members.items()}",
        lambda v, label, who: {k: len({r[who] for r in g}) for k, g in _groups(v, label).items()}, needs=("label", "who"),
        notes=(KEY_ORDER,),
    ),
    Op(
        "records", "table",
        ("Make a dictionary from each {label!r} that is left to the average of its {amount!r}, rounded down to an integer.",
         "Group by {label!r}; go on with the dictionary of each group's mean {amount!r}, sum // count."),
        "groups = {}\nfor r in v:\n    groups.setdefault(r[{label!r}], []).append(r[{amount!r}])\n"
        "v = {key: sum(g) // len(g) for key, g in groups.items()}",
        lambda v, label, amount: {k: sum(r[amount] for r in g) // len(g) for k, g in _groups(v, label).items()},
        needs=("label", "amount"), notes=(KEY_ORDER, QUOTIENT),
    ),
    Op(
        "records", "table",
        ("Make a dictionary from each {who!r} that is left to the {amount!r} of the last record of that {who!r}.",
         "For every {who!r} still present note the {amount!r} in its last record; go on with that dictionary."),
        "v = {r[{who!r}]: r[{amount!r}] for r in v}",
        lambda v, who, amount: {k: g[-1][amount] for k, g in _groups(v, who).items()}, needs=("who", "amount"), notes=(KEY_ORDER,),
    ),
    Op(
        "records", "words",
        ("Make the list of the {who!r} values, in order, each followed directly by '@' and the record's {label!r}.",
         "Turn each record into the string made of its {who!r}, an '@' and its {label!r}; go on with the list of these strings."),
        "v = [r[{who!r}] + '@' + r[{label!r}] for r in v]",
        lambda v, who, label: [f"{r[who]}@{r[label]}" for r in v], needs=("who", "label"),
    ),
    Op(
        "records", "ints",
        ("Go on with the list of the {amount!r} values, in the order of the records.", "Replace each record by its {amount!r}."),
        "v = [r[{amount!r}] for r in v]",
        lambda v, amount: [r.get(amount) for r in v], needs=("amount",),
    ),
)  # fmt: skip

TABLE_OPS = (
    Op(
        "table", "table",
        ("Keep only the entries whose value is at least {t}.", "Remove the entries with a value below {t}."),
        "v = {key: n for key, n in v.items() if n >= {t}}",
        lambda v, t: {key: v[key] for key in v if v[key] >= t}, pick(t=(2, 3, 4, 6, 9, 12)),
    ),
    Op(
        "table", "table",
        ("Keep only the {k} entries with the largest values; of equal values the alphabetically earlier key wins.",
         "Reduce the dictionary to its {k} greatest values (all of them if there are fewer); ties go to the key that comes first in "
         "string order."),
        "v = dict(sorted(v.items(), key=lambda e: (-e[1], e[0]))[:{k}])",
        lambda v, k: {key: v[key] for key in sorted(sorted(v), key=lambda key: -v[key])[:k]}, pick(k=(2, 3)), notes=(CODE_ORDER,),
    ),
    Op(
        "table", "table",
        ("Subtract the smallest value from all values (an empty dictionary stays empty).",
         "Lower every value by the minimum of the values; nothing happens to an empty dictionary."),
        "v = {key: n - min(v.values()) for key, n in v.items()}",
        lambda v: {key: v[key] - sorted(v.values())[0] for key in v},
    ),
    Op(
        "table", "table",
        ("Replace each key by its first character and add up the values of keys that become equal.",
         "Merge the entries whose keys begin with the same character: the key becomes that character, the value the sum."),
        "merged = {}\nfor key, n in v.items():\n    merged[key[0]] = merged.get(key[0], 0) + n\nv = merged",
        lambda v: {c: sum(n for key, n in v.items() if key[0] == c) for c in [key[0] for key in v]},
    ),
    Op(
        "table", "table",
        ("Replace each value by its remainder on division by {m}.", "Reduce all values modulo {m}."),
        "v = {key: n % {m} for key, n in v.items()}",
        lambda v, m: {key: v[key] - v[key] // m * m for key in v}, pick(m=(5, 7, 9, 11)), notes=(MODULO,),
    ),
    Op(
        "table", "words",
        ("Make the list of keys, largest value first; keys with equal values stand in string order.",
         "Go on with the keys alone, ordered by descending value and, where values are equal, as strings."),
        "v = sorted(v, key=lambda key: (-v[key], key))",
        lambda v: [key for key, _ in sorted(sorted(v.items()), key=lambda e: -e[1])], notes=(CODE_ORDER,),
    ),
    Op(
        "table", "ints",
        ("Go on with the list of the values, in string order of their keys.",
         "Sort the keys as strings and take the list of their values."),
        "v = [v[key] for key in sorted(v)]",
        lambda v: [n for _, n in sorted(v.items())], notes=(CODE_ORDER,),
    ),
    Op(
        "table", "pairs",
        ("Return a list of [key, value] lists, smallest value first; equal values are ordered by key, as strings.",
         "Return the entries as two-element lists [key, value], ordered by value (ascending) and then by key."),
        "v = [[key, v[key]] for key in sorted(v, key=lambda key: (v[key], key))]",
        lambda v: [[key, n] for n, key in sorted((n, key) for key, n in v.items())], notes=(CODE_ORDER,),
    ),
    Op(
        "table", "int",
        ("Return the largest value minus the smallest one (0 for an empty dictionary).",
         "The result is the spread of the values, maximum minus minimum, and 0 if the dictionary is empty."),
        "v = max(v.values()) - min(v.values()) if v else 0",
        lambda v: sorted(v.values())[-1] - sorted(v.values())[0] if v else 0,
    ),
)  # fmt: skip
