"""The text itself: links lead somewhere, every page is in the menu, figures of performance were measured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import ROOT, pages, prose

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FIGURE = re.compile(r"\d[\d,.]* ?(?:ms\b|µs\b|MB\b|GB\b|samples/s|requests/s|tok/s)|\d+(?:\.\d+)? ?(?:times|×) (?:as fast|faster|cheaper)")
GENERATED = re.compile(r"<!-- generated: .*?<!-- end -->", re.DOTALL)
MARKETING = re.compile(
    r"\b(blazing|seamless|effortless|powerful|cutting-edge|state-of-the-art|world-class|simply|revolutionary)\w*", re.IGNORECASE
)
OWN = [p for p in pages() if "made by docs/generate.py" not in p.read_text()]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as mkdocs makes them."""
    from markdown.extensions.toc import slugify

    return {slugify(re.sub(r"[`*]", "", heading), "-") for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)}


@pytest.mark.parametrize("page", pages(), ids=named)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        aim = (page.parent / path).resolve() if path else page
        assert aim.is_file(), f"{named(page)} links to {target}, which is not there"
        assert not anchor or anchor in anchors(aim), f"{named(page)} links to {target}; that page has no such heading"


def test_files_named_in_the_text_are_there() -> None:
    for page in OWN:
        for path in re.findall(r"`((?:src|docs|tests|benchmarks)/[\w/.-]+\.\w+)`", prose(page)):
            assert (ROOT / path).exists(), f"{named(page)} names {path}, which is not there"


def test_every_page_of_the_site_is_in_its_menu_once() -> None:
    menu = re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    written = [str(p.relative_to(ROOT / "docs")) for p in (ROOT / "docs").rglob("*.md")]
    assert sorted(menu) == sorted(written)


@pytest.mark.parametrize("page", OWN, ids=named)
def test_no_figure_of_performance_is_typed_by_hand(page: Path) -> None:
    """Figures come from a measurement through docs/generate.py, or not at all."""
    assert not FIGURE.findall(GENERATED.sub("", prose(page)))


@pytest.mark.parametrize("page", OWN, ids=named)
def test_the_style_is_plain(page: Path) -> None:
    assert not MARKETING.findall(prose(page))


def test_marks_of_generated_passages_are_in_order() -> None:
    for page in OWN:
        marks = re.findall(r"<!-- (generated|end)\b", page.read_text())
        marks = [m for m in marks if m in ("generated", "end")]
        assert "".join(m[0] for m in marks if m == "generated") == "g" * (len(GENERATED.findall(page.read_text()))), named(page)
