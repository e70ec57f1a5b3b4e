"""Operations on strings and on lists of words. All text is ASCII."""

from __future__ import annotations

from itertools import groupby
from string import ascii_lowercase, ascii_uppercase

from tripos.benchmarks.use_cases.coding.steps import CODE_ORDER, KEY_ORDER, POSITIONS, Op, pick, positions

VOWELS = "The vowels are a, e, i, o and u, small or capital."


def _shift(v: str, k: int) -> str:
    def turned(alphabet: str) -> str:
        return alphabet[k:] + alphabet[:k]

    return v.translate(str.maketrans(ascii_lowercase + ascii_uppercase, turned(ascii_lowercase) + turned(ascii_uppercase)))


def _count_by(v: list[str], key: str) -> dict[str, int]:
    keys = [word[0].lower() if key == "first" else str(len(word)) for word in v]
    return {k: keys.count(k) for k in keys}


TEXT_OPS = (
    Op(
        "text", "text",
        ("Change every capital letter to a small one and every small letter to a capital.", "Swap the case of all letters."),
        "v = v.swapcase()",
        lambda v: "".join(c.lower() if c.isupper() else c.upper() for c in v),
    ),
    Op(
        "text", "text",
        ("Reverse the string, character by character.", "Turn the string round so that its last character comes first."),
        "v = v[::-1]",
        lambda v: "".join(reversed(v)),
    ),
    Op(
        "text", "text",
        ("Replace every vowel by {mark!r}.", "Put {mark!r} in the place of each vowel."),
        "v = ''.join({mark!r} if c in 'aeiouAEIOU' else c for c in v)",
        lambda v, mark: "".join(mark if c.lower() in "aeiou" else c for c in v), pick(mark=("*", "_", "+", "#")), notes=(VOWELS,),
    ),
    Op(
        "text", "text",
        ("Delete all digits.", "Remove every character from '0' to '9'."),
        "v = ''.join(c for c in v if c not in '0123456789')",
        lambda v: "".join(c for c in v if not c.isdigit()),
    ),
    Op(
        "text", "text",
        ("Move every letter {k} places forward in the alphabet, from z on to a again; case stays, other characters do not change.",
         "Shift each letter by {k} positions through the alphabet (wrapping round after z), keeping its case; leave all else as it is."),
        "def shifted(c):\n    if not c.isalpha():\n        return c\n    base = ord('a') if c.islower() else ord('A')\n"
        "    return chr(base + (ord(c) - base + {k}) % 26)\nv = ''.join(shifted(c) for c in v)",
        _shift, pick(k=range(2, 24)),
    ),
    Op(
        "text", "text",
        ("Collapse each run of one and the same character (case matters) into a single character.",
         "Drop every character that equals, case included, the character directly before it."),
        "v = ''.join(c for i, c in enumerate(v) if i == 0 or c != v[i - 1])",
        lambda v: "".join(c for c, _ in groupby(v)),
    ),
    Op(
        "text", "text",
        ("Write every digit twice.", "Double each digit (for example '7' becomes '77'); other characters stay single."),
        "v = ''.join(c * 2 if c.isdigit() else c for c in v)",
        lambda v: "".join(c + c if "0" <= c <= "9" else c for c in v),
    ),
    Op(
        "text", "words",
        ("Split the string into words at its spaces; empty pieces do not count as words.",
         "Cut the string at spaces into a list of words (never an empty word)."),
        "v = v.split()",
        lambda v: [word for word in v.split(" ") if word],
    ),
)  # fmt: skip

WORD_OPS = (
    Op(
        "words", "words",
        ("Keep only the words of at least {k} characters.", "Remove all words shorter than {k} characters."),
        "v = [w for w in v if len(w) >= {k}]",
        lambda v, k: [w for w in v if not len(w) < k], pick(k=(3, 4, 5)),
    ),
    Op(
        "words", "words",
        ("Reverse each word, leaving the words in their places.", "Spell every word backwards; the order of the words stays."),
        "v = [w[::-1] for w in v]",
        lambda v: ["".join(reversed(w)) for w in v],
    ),
    Op(
        "words", "words",
        ("Sort the words by length, shortest first; words of equal length are ordered as strings.",
         "Arrange the words from short to long, and within one length in string order."),
        "v = sorted(v, key=lambda w: (len(w), w))",
        lambda v: sorted(sorted(v), key=len), notes=(CODE_ORDER,),
    ),
    Op(
        "words", "words",
        ("Sort the words by their last character; words with the same last character keep their order.",
         "Order the words by the character they end in, without changing the order among words that end alike."),
        "v = sorted(v, key=lambda w: w[-1:])",
        lambda v: sorted(v, key=lambda w: w[len(w) - 1]), notes=(CODE_ORDER,),
    ),
    Op(
        "words", "words",
        ("Remove repeated words, ignoring case: of words that only differ in case the first one stays.",
         "Drop each word that already occurred earlier in the list when small and capital letters count as the same."),
        "seen = []\nkept = []\nfor w in v:\n    if w.lower() not in seen:\n        seen.append(w.lower())\n        kept.append(w)\nv = "
        "kept",
        lambda v: [w for i, w in enumerate(v) if w.lower() not in [u.lower() for u in v[:i]]],
    ),
    Op(
        "words", "words",
        ("Change the words at positions {o}, {p}, {q} and so on (always {k} further on) to capitals.",
         "Change the word at position {o}, and every word a multiple of {k} places after it, to capitals throughout."),
        "v = [w.upper() if i >= {o} and (i - {o}) % {k} == 0 else w for i, w in enumerate(v)]",
        lambda v, o, p, q, k: [w.upper() if i in range(o, len(v), k) else w for i, w in enumerate(v)], positions,
        notes=(POSITIONS,),
    ),
    Op(
        "words", "words",
        ("Shorten each word of more than {k} characters to its first character, the number of characters left out, and its last character "
         "('{sample}' becomes '{short}').",
         "Every word longer than {k} characters is abbreviated: first character, then how many characters lie between, then last character "
         "(so '{sample}' turns into '{short}')."),
        "v = [w[0] + str(len(w) - 2) + w[-1] if len(w) > {k} else w for w in v]",
        lambda v, k, sample, short: [f"{w[:1]}{len(w) - 2}{w[-1:]}" if len(w) >= k + 1 else w for w in v],
        pick(k=(3, 4, 5), sample=("glimmers",), short=("g6s",)),
    ),
    Op(
        "words", "words",
        ("Move the first character of each word to its end.", "In every word, take the first character away and append it at the end."),
        "v = [w[1:] + w[:1] for w in v]",
        lambda v: [w[1:] + w[0] for w in v],
    ),
    Op(
        "words", "words",
        ("Remove every word that contains the letter {a!r}, small or capital.", "Drop the words in which {a!r} occurs in either case."),
        "v = [w for w in v if {a!r} not in w.lower()]",
        lambda v, a: [w for w in v if a not in w and a.upper() not in w], pick(a=("a", "e", "i", "o", "r", "n", "l")),
    ),
    Op(
        "words", "words",
        ("Move all words that start with a digit to the front; within both groups the order stays.",
         "Put the words whose first character is a digit first, then all others, each group in its old order."),
        "v = [w for w in v if w[0].isdigit()] + [w for w in v if not w[0].isdigit()]",
        lambda v: sorted(v, key=lambda w: not w[0].isdigit()),
    ),
    Op(
        "words", "words",
        ("Append to each word its position in the list, written in decimal.", "Add to the end of every word the number of its position."),
        "v = [w + str(i) for i, w in enumerate(v)]",
        lambda v: [f"{v[i]}{i}" for i in range(len(v))], notes=(POSITIONS,),
    ),
    Op(
        "words", "words",
        ("Reverse the order of the words.", "List the words from last to first."),
        "v = v[::-1]",
        lambda v: list(reversed(v)),
    ),
    Op(
        "words", "text",
        ("Join the words by {sep!r} into one string (an empty list gives an empty string).",
         "Put {sep!r} between the words and go on with the resulting string; without words it is empty."),
        "v = {sep!r}.join(v)",
        lambda v, sep: sep.join(v), pick(sep=("-", "_", "::", " ", ", ")),
    ),
    Op(
        "words", "table",
        ("Make a dictionary that says how many words there are of each first character, in small letters (keys are those characters).",
         "Count the words by their first character, changed to a small letter, and go on with the counts as a dictionary."),
        "counts = {}\nfor w in v:\n    first = w[0].lower()\n    counts[first] = counts.get(first, 0) + 1\nv = counts",
        lambda v: _count_by(v, "first"), notes=(KEY_ORDER,),
    ),
    Op(
        "words", "table",
        ("Make a dictionary from word length, written as a string, to the number of words of that length.",
         "Count the words of each length; go on with a dictionary whose keys are the lengths as strings (such as '4')."),
        "counts = {}\nfor w in v:\n    counts[str(len(w))] = counts.get(str(len(w)), 0) + 1\nv = counts",
        lambda v: _count_by(v, "length"), notes=(KEY_ORDER,),
    ),
    Op(
        "words", "ints",
        ("Replace each word by its number of characters.", "Go on with the list of the word lengths."),
        "v = [len(w) for w in v]",
        lambda v: list(map(len, v)),
    ),
    Op(
        "words", "ints",
        ("Replace each word by the number of vowels in it.", "Go on with the list that holds, for every word, how many vowels it "
         "contains."),
        "v = [sum(c in 'aeiouAEIOU' for c in w) for w in v]",
        lambda v: [len([c for c in w.lower() if c in "aeiou"]) for w in v], notes=(VOWELS,),
    ),
)  # fmt: skip
