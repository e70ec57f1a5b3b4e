"""Patches: found in answers, read strictly, applied as `git apply` does."""

from __future__ import annotations

import difflib
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tripos.core.records import Sample
from tripos.scoring.patches import PatchError, UnifiedDiff, apply, files_of, find_patch, parse

FILE = "".join(f"line {i}\n" for i in range(1, 11))


def diff(before: str, after: str, name: str = "m/f.py") -> str:
    lines = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{name}", f"b/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


PATCH = diff(FILE, FILE.replace("line 5", "LINE 5"))
OTHER = diff("x\n", "y\n", "other.py")


@pytest.mark.parametrize(
    "text",
    [
        PATCH,
        f"```diff\n{PATCH}```",
        f"Here it is:\n\n```\n{PATCH}```\n\nIt works.",
        f"~~~~patch\n{PATCH}~~~~",
        f"<patch>\n{PATCH}</patch>",
        f"Sure.\n\n{PATCH}\nThis mends it. I changed\n- one line\n",
        f"```python\nx = 1\n```\n\n```diff\n{PATCH}```",
        f"```diff\n{diff(FILE, FILE.replace('line 5', 'draft'))}```\nNo, better:\n```diff\n{PATCH}```",
        f"1. This:\n\n   ```diff\n{''.join('   ' + line for line in PATCH.splitlines(keepends=True))}   ```",
        f"```diff\n{PATCH}",
    ],
)
def test_the_patch_is_found_wherever_an_answer_puts_it(text: str) -> None:
    assert find_patch(text.strip())[0] == PATCH


def test_patches_of_several_files_in_several_fences_belong_together() -> None:
    assert find_patch(f"```diff\n{PATCH}```\nand\n```diff\n{OTHER}```")[0] == PATCH + OTHER


def test_a_fence_inside_a_patch_does_not_end_it() -> None:
    patch = diff("a\n```sh\nrun\n```\nb\n", "a\n```sh\nrun\n```\nc\n", "README.md")
    assert find_patch(f"```diff\n{patch}```")[0] == patch


@pytest.mark.parametrize("form", ["{}", "```diff\n{}```\nDone.", "```diff\n{}\n```", "```diff\n{}", "<patch>\n{}</patch>"])
def test_blank_context_at_the_end_survives_stripping(form: str) -> None:
    before = "a\nb\n\n\n"
    patch = diff(before, "a\nc\n\n\n")
    blank = "".join(f"{line.rstrip()}\n" for line in patch.splitlines())  # as models write blank lines
    found, _ = find_patch(form.format(blank).strip())
    assert found is not None and apply({"m/f.py": before}, found) == {"m/f.py": "a\nc\n\n\n"}


def test_a_hunk_that_counts_wrongly_is_not_mended() -> None:
    wrong = PATCH.replace("@@ -2,7 +2,7 @@", "@@ -2,9 +2,9 @@")
    assert wrong != PATCH
    assert find_patch(f"```diff\n{wrong}```")[0] == wrong


@pytest.mark.parametrize("text", ["", "I cannot.", "```python\nprint(1)\n```", "--- \n+++ ", "@@ -1 +1 @@\n-a\n+b", "diff --git"])
def test_where_there_is_no_patch_none_is_found(text: str) -> None:
    assert UnifiedDiff()(Sample(record_id="x", input=""), text).answer is None


def test_new_deleted_and_renamed_files() -> None:
    new = "diff --git a/n.py b/n.py\nnew file mode 100644\n--- /dev/null\n+++ b/n.py\n@@ -0,0 +1 @@\n+x\n"
    deleted = "--- a/m/f.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    renamed = "diff --git a/m/f.py b/g.py\nsimilarity index 100%\nrename from m/f.py\nrename to g.py\n"
    assert apply({"a": "1"}, new) == {"a": "1", "n.py": "x\n"}
    assert apply({"m/f.py": "x\n"}, deleted) == {}
    assert apply({"m/f.py": "x\n"}, renamed) == {"g.py": "x\n"}
    assert files_of(new + deleted) == {"n.py", "m/f.py"}


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        (PATCH.replace("line 4", "line 40"), "does not fit"),
        (PATCH.replace("m/f.py", "m/g.py"), "there is no m/g.py"),
        (PATCH.replace("-2,7", "-2,9"), "not as many lines"),
        (PATCH.replace("@@ -2,7 +2,7 @@", "@@ hunk @@"), "not a hunk header"),
        ("--- a/x\nfoo\n", "without"),
        ("@@ -1 +1 @@\n-a\n+b\n", "no file"),
        ("diff --git a/x b/x\nGIT binary patch\n", "binary"),
        ("--- /dev/null\n+++ b/m/f.py\n@@ -0,0 +1 @@\n+x\n", "there already"),
        ("nothing", "changes no file"),
    ],
)
def test_what_does_not_fit_says_why(patch: str, why: str) -> None:
    with pytest.raises(PatchError, match=why):
        apply({"m/f.py": FILE}, patch)


@pytest.mark.parametrize(
    "padding",
    [
        "<patch>" * 20_000,
        "```" + "a" * 200_000 + "`",
        "`" * 200_000,
        "--- a\n" * 40_000,
        "diff --git a b" * 20_000,
        "@@ -1 +1 @@\n" * 20_000,
        "\x00\x1b[" * 50_000,
    ],
)
def test_padding_costs_no_time(padding: str) -> None:
    began = time.thread_time()
    assert PATCH in str(find_patch(f"{padding}\n\n```diff\n{PATCH}```")[0])
    find_patch(padding)
    assert time.thread_time() - began < 5


@given(st.text())
def test_no_text_does_worse_than_a_patch_error(text: str) -> None:
    found, _ = find_patch(text)
    try:
        parse(found or text)
    except PatchError as error:
        assert str(error)


lines = st.lists(st.sampled_from(["a\n", "b\n", "\n", " c\n", "-d\n", "@@\n"]), max_size=12).map("".join)


@settings(max_examples=200)
@given(lines, lines)
def test_applying_the_difference_gives_the_other_file(before: str, after: str) -> None:
    if before != after and before and after:
        patch = diff(before, after)
        assert apply({"m/f.py": before}, patch) == {"m/f.py": after}
        assert find_patch(f"```diff\n{patch}```")[0] == patch


def test_git_agrees(tmp_path: Path) -> None:
    """Moved, shifted and damaged patches: the same files as git's, or a refusal by both."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    rng = random.Random(7)
    applied = 0
    for number in range(60):
        before = [rng.choice(["a\n", "b\n", "\n", "c\n"]) for _ in range(rng.randint(1, 12))]
        after = list(before)
        after[rng.randrange(len(after))] = "changed\n"
        after.insert(rng.randrange(len(after) + 1), "new\n")
        patch = diff("".join(before), "".join(after), "f.py")
        kind = number % 4
        if kind == 1:
            before = ["moved\n"] * rng.randint(1, 3) + before
        elif kind == 2:
            patch = patch.replace("@@ -", f"@@ -{rng.randint(1, 2)}", 1)
        elif kind == 3:
            before[rng.randrange(len(before))] = "other\n"
        ours = _ours("".join(before), patch)
        assert ours == _by_git(tmp_path / str(number), "".join(before), patch), (before, patch)
        applied += ours is not None
    assert 15 < applied < 60


def _ours(before: str, patch: str) -> str | None:
    try:
        return apply({"f.py": before}, patch)["f.py"]
    except PatchError:
        return None


def _by_git(folder: Path, before: str, patch: str) -> str | None:
    folder.mkdir()
    (folder / "f.py").write_text(before)
    (folder / "p").write_text(patch)
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "GIT_CEILING_DIRECTORIES": str(folder.parent), "HOME": str(folder)}
    done = subprocess.run(["git", "apply", "p"], cwd=folder, env=environment, capture_output=True, check=False)
    return (folder / "f.py").read_text() if done.returncode == 0 else None
