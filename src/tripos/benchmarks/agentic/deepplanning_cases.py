"""The cases of DeepPlanning's shopping half, read from the hub's archives, packed or unpacked."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tripos.benchmarks.hub import OnHub, revision_of
from tripos.benchmarks.local_files import digest_of, shelved
from tripos.core.errors import DatasetError
from tripos.core.records import Sample

KEY = "deepplanning"
REPOSITORY = "Qwen/DeepPlanning"
ON_HUB = OnHub(REPOSITORY, f"give the directory of a copy with --data, or put it below TRIPOS_DATA_DIR/{KEY}/")
LEVELS = ("level1", "level2", "level3")
FILES = ("validation_cases.json", "products.jsonl", "user_info.json", "cart.json")
MOST_BYTES = 64 << 20  # of one file of a case
_PLACE = re.compile(r"(?:.*/)?case_(\d+)/([\w.]+)")


@dataclass(frozen=True)
class ShoppingCases:
    """The cases of some levels, by level and number.

    Args:
        data: a directory that holds `database_level1.tar.gz` or `database_level1/` (and so on), at any of its first two depths;
            None looks into `TRIPOS_DATA_DIR/deepplanning`, then asks the hub.
    """

    levels: tuple[str, ...]
    data: Path | None = None
    endless: bool = False

    def __iter__(self) -> Iterator[Sample]:
        folder = self.folder()
        for level in self.levels:
            place = _database(folder, level)
            cases = _packed(place) if place.is_file() else _unpacked(place)
            if not cases:
                raise DatasetError(f"{place} holds no case_N with validation_cases.json")
            for number, files in sorted(cases.items()):
                yield _sample(level, number, files, place)

    def folder(self) -> Path:
        """The directory of the archives.

        Raises:
            DatasetError: the hub does not give them; says what to do.
        """
        local = self.data or shelved(KEY)
        if local is not None:
            return local.expanduser()
        return ON_HUB.folder([f"*database_{level}.tar.gz" for level in self.levels])

    def fingerprint(self) -> dict[str, str | int | None]:
        """The SHA-256 of the archives, or of all files of the unpacked cases."""
        folder = self.folder()
        files: list[Path] = []
        for level in self.levels:
            place = _database(folder, level)
            files += [place] if place.is_file() else sorted(p for p in place.rglob("case_*/*") if p.name in FILES)
        revision = revision_of(folder)
        return {"source": REPOSITORY if revision else str(folder), "revision": revision, "digest": digest_of(tuple(files))}


def to_sample(
    record_id: str,
    level: str,
    case: Mapping[str, Any],
    products: Sequence[Mapping[str, Any]],
    user: Mapping[str, Any],
    cart: Mapping[str, Any],
) -> Sample:
    """One case; the reference holds product ids and coupons.

    Raises:
        ValueError: no query, no reference products, or one that the catalogue lacks.
    """
    query = case["query"]
    wanted = list(dict.fromkeys(str(one["product_id"]) for one in case["ground_truth_products"]))
    coupons = {str(name): int(count) for name, count in (case.get("ground_truth_coupons") or {}).items()}
    known = {str(product["product_id"]) for product in products}
    if not isinstance(query, str) or not query.strip():
        raise ValueError("it has no query")
    if not wanted:
        raise ValueError("it has no ground_truth_products")
    lost = [one for one in wanted if one not in known]
    if lost:
        raise ValueError(f"the catalogue lacks product {lost[0]!r} of the reference cart")
    return Sample(
        record_id=record_id,
        input=query.strip(),
        reference={"products": wanted, "coupons": coupons},
        subject=level,
        dimensions={"coupons": "yes" if coupons else "no"},
        metadata={
            "products": list(products),
            "user": dict(user),
            "start": {str(item["product_id"]): int(item.get("quantity", 1)) for item in cart.get("items") or ()},
        },
    )


def _sample(level: str, number: int, files: Mapping[str, str], place: Path) -> Sample:
    where = f"{place}: case_{number}"
    for name in FILES[:2]:
        if name not in files:
            raise DatasetError(f"{where} lacks {name}")
    try:
        case, user, cart = (json.loads(files.get(name, "").strip() or "{}") for name in (FILES[0], FILES[2], FILES[3]))
        products = [json.loads(line) for line in files[FILES[1]].splitlines() if line.strip()]
        return to_sample(f"shopping_{level}_case_{number}", level, case, products, user, cart)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(f"{where} cannot be used: {type(error).__name__}: {error}") from error


def _database(folder: Path, level: str) -> Path:
    name = f"database_{level}"
    for place in (folder, *sorted(child for child in folder.glob("*") if child.is_dir())):
        for path in (place / name, place / f"{name}.tar.gz"):
            if path.exists():
                return path
    raise DatasetError(f"{KEY}: {folder} holds neither {name}.tar.gz nor {name}/; they are files of {REPOSITORY} on the hub")


def _unpacked(root: Path) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for path in sorted(root.rglob("case_*/*")):
        place = _PLACE.fullmatch(path.as_posix())
        if place and place[2] in FILES and path.is_file():
            found.setdefault(int(place[1]), {})[place[2]] = path.read_text(encoding="utf-8")
    return found


def _packed(archive: Path) -> dict[int, dict[str, str]]:
    """The files of the cases, read where they lie: nothing of an archive is written to the disk."""
    found: dict[int, dict[str, str]] = {}
    try:
        with tarfile.open(archive, "r:*") as packed:
            for member in packed:
                place = _PLACE.fullmatch(member.name)
                file = packed.extractfile(member) if place and place[2] in FILES and member.isfile() else None
                if place and file is not None:
                    content = file.read(MOST_BYTES)
                    found.setdefault(int(place[1]), {})[place[2]] = content.decode()
    except (tarfile.TarError, OSError, EOFError, UnicodeDecodeError) as error:
        raise DatasetError(f"{archive} cannot be read: {error}") from error
    return found
