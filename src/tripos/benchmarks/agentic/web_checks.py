"""What WebArena and its kin check of an answer, of an address and of pages: exact texts, phrases, queries.

By `AgentOccam/evaluation_harness/evaluators.py` of github.com/WebChoreArena/WebChoreArena (Apache-2.0), in our own words.
Phrases may have alternatives, `June, 1,957 |OR| June, 1,958`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from tripos.core.records import JSON

_TOKEN = re.compile(r"\w+|[^\w\s]")
_OR = re.compile(r" \|or\| ", re.IGNORECASE)


def cleaned(text: str) -> str:
    """Lower case, without white space and one pair of equal quotes around it."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    return text.lower()


def exact(expected: str, given: str) -> bool:
    """Whether the two are the same text, once cleaned."""
    return cleaned(expected) == cleaned(given)


def included(phrase: str, given: str, *, alone: bool = False) -> bool:
    """Whether the text contains the phrase or one of its alternatives.

    Args:
        alone: it is the only phrase asked for; one of a single character must then be a token of its own ("0" is not in "10").
    """
    text = cleaned(given)
    for one in map(str.strip, _OR.split(cleaned(phrase))):
        if one and (one in _TOKEN.findall(text) if alone and len(one) == 1 else one in text):
            return True
    return False


def share_included(phrases: Sequence[str], given: str) -> float:
    """The share of the phrases that the text contains."""
    return sum(included(phrase, given, alone=len(phrases) == 1) for phrase in phrases) / len(phrases)


def at_address(expected: Sequence[str], given: str) -> bool:
    """Whether an address contains host and path of one of the expected ones, and for each key of their queries one of the values."""
    host_and_path, query = _parts(given)
    wanted = [_parts(one) for whole in expected for one in _OR.split(whole)]
    values: dict[str, set[str]] = {}
    for _, parts in wanted:
        for key, found in parts.items():
            values.setdefault(key, set()).update(found)
    return any(place in host_and_path for place, _ in wanted) and all(found & set(query.get(key, ())) for key, found in values.items())


def _parts(address: str) -> tuple[str, dict[str, list[str]]]:
    try:
        split = urlsplit(address.strip().rstrip("/").lower())
    except ValueError:
        return address.lower(), {}
    return split.netloc + split.path, parse_qs(split.query)


def page_score(required: Mapping[str, JSON], selected: str) -> float:
    """How far a part of a page has what is required: exactly a text (0 or 1), or a share of phrases.

    Raises:
        ValueError: another requirement.
    """
    text = html.unescape(selected)
    if "exact_match" in required:
        return float(exact(str(required["exact_match"]), text))
    if "must_include" in required:
        phrases = list(required["must_include"])
        return sum(included(phrase, text) for phrase in phrases) / len(phrases)
    raise ValueError(f"unknown required_contents: {', '.join(required)}")
