"""Which cases a directory holds, which are skipped and why, and that a wrong selection is never an empty result."""

from __future__ import annotations

from pathlib import Path

import pytest

from made_kernels import CASE, write_cases
from tripos.core.errors import ConfigError
from tripos.kernels.case import Case, Discovery, discover, own_cases, read_source


def labels(found: Discovery) -> list[str]:
    return [case.label for case in found.cases]


def test_tiers_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    write_cases(tmp_path, "t10/a", "t2/b", "t1/c", "t1/a", "tools/x", "tx/y")
    assert labels(discover(tmp_path)) == ["t1/a", "t1/c", "t2/b", "t10/a"]


def test_levels_of_kernelbench_are_tiers_and_their_problems_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    write_cases(tmp_path, "level2/1_Conv", "level1/100_HingeLoss", "level1/2_Gemm", "level1/1_Square_matmul_", "level10/1_x")
    (tmp_path / "changelog").mkdir()
    assert labels(discover(tmp_path)) == [
        "level1/1_Square_matmul_",
        "level1/2_Gemm",
        "level1/100_HingeLoss",
        "level2/1_Conv",
        "level10/1_x",
    ]


def test_packages_and_hidden_files_are_no_cases(tmp_path: Path) -> None:
    write_cases(tmp_path, "t1/gelu", "t1/__init__", "t1/._gelu", ".git/t1/x")
    assert labels(discover(tmp_path)) == ["t1/gelu"]


def test_filters_by_tier_exact_name_and_part_of_a_name(tmp_path: Path) -> None:
    write_cases(tmp_path, "t1/softmax", "t1/gelu", "t2/Softmax_fused", "t2/rope", "t3/gelu")
    assert set(labels(discover(tmp_path, tiers=["t2"]))) == {"t2/rope", "t2/Softmax_fused"}
    assert labels(discover(tmp_path, cases=["gelu"])) == ["t1/gelu", "t3/gelu"]
    assert labels(discover(tmp_path, cases=["t3/gelu", "rope"])) == ["t2/rope", "t3/gelu"]
    assert labels(discover(tmp_path, substring="SOFTMAX")) == ["t1/softmax", "t2/Softmax_fused"]
    assert labels(discover(tmp_path, tiers=["t1", "t3"], cases=["gelu", "softmax"], substring="ge")) == ["t1/gelu", "t3/gelu"]


def test_a_tier_named_twice_gives_each_case_once_in_the_order_asked_for(tmp_path: Path) -> None:
    write_cases(tmp_path, "t1/a", "t2/b")
    assert labels(discover(tmp_path, tiers=["t2", "t1", "t2"])) == ["t2/b", "t1/a"]


def test_a_case_that_imports_torch_npu_is_skipped_with_its_reason(tmp_path: Path) -> None:
    write_cases(tmp_path, "t1/gelu", t1__rope="import torch\nimport torch_npu\n", t1__swiglu="from torch_npu.contrib import f\n")
    write_cases(
        tmp_path, t2__late="def forward(x):\n    import torch_npu as n\n    return n\n", t2__by_name='m = __import__("torch_npu")\n'
    )
    found = discover(tmp_path)
    assert labels(found) == ["t1/gelu"]
    assert {(c.label, c.skip_reason, c.requires_npu) for c in found.skipped} == {
        (label, "requires torch_npu", True) for label in ("t1/rope", "t1/swiglu", "t2/by_name", "t2/late")
    }
    with_npu = discover(tmp_path, skip_npu=False)
    assert len(with_npu.cases) == 5 and not with_npu.skipped
    assert [c.requires_npu for c in with_npu.cases if c.case_name in ("gelu", "rope")] == [False, True]


@pytest.mark.parametrize(
    "text",
    [
        "# runs without torch_npu\n",
        '"""Was torch_npu.npu_swiglu once; import torch_npu is not needed."""\n',
        "x = 'torch_npu'\n",
        "import torch_npu_free\n",
    ],
)
def test_torch_npu_in_a_comment_a_text_or_a_longer_name_skips_nothing(tmp_path: Path, text: str) -> None:
    write_cases(tmp_path, t1__gelu=text + CASE)
    found = discover(tmp_path)
    assert labels(found) == ["t1/gelu"] and not found.cases[0].requires_npu


def test_a_case_that_does_not_parse_is_kept_so_that_its_evaluation_says_so(tmp_path: Path) -> None:
    write_cases(tmp_path, t1__broken="def f(:\n", t1__npu="import torch_npu\ndef f(:\n", t1__nul="x = 1\0")
    found = discover(tmp_path)
    assert labels(found) == ["t1/broken", "t1/nul"]
    assert [c.skip_reason for c in found.skipped] == ["requires torch_npu"]


def test_a_case_that_cannot_be_read_is_skipped_with_the_reason(tmp_path: Path) -> None:
    write_cases(tmp_path, "t1/good")
    (tmp_path / "t1" / "latin.py").write_bytes(b"# \xe9\n")
    (tmp_path / "t1" / "folder.py").mkdir()
    (tmp_path / "t1" / "gone.py").symlink_to(tmp_path / "nowhere.py")
    found = discover(tmp_path)
    assert labels(found) == ["t1/good"]
    reasons = {c.case_name: c.skip_reason or "" for c in found.skipped}
    assert reasons["latin"] == "read_error: not UTF-8 at byte 2"
    assert reasons["folder"] == "read_error: Is a directory" and reasons["gone"] == "read_error: No such file or directory"


def test_a_byte_order_mark_is_no_part_of_the_case(tmp_path: Path) -> None:
    write_cases(tmp_path, t1__gelu="\ufeffimport torch_npu\n")
    assert [c.skip_reason for c in discover(tmp_path).skipped] == ["requires torch_npu"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"tiers": ["t3"]}, "unknown tier 't3'; did you mean 't2'?"),
        ({"tiers": [".."]}, "unknown tier '..'"),
        ({"tiers": ["t1", ""]}, "unknown tier ''"),
        ({"cases": ["gleu"]}, "unknown case 'gleu' in t1, t2; did you mean 'gelu'?"),
        ({"cases": ["gelu", "zzzz"]}, "unknown case 'zzzz' in t1, t2; there are 2, e.g. gelu, rope"),
        ({"tiers": ["t2"], "cases": ["gelu"]}, "unknown case 'gelu' in t2"),
        ({"substring": "conv"}, "--filter 'conv' fits none of 2 case names, e.g. gelu, rope"),
    ],
)  # fmt: skip
def test_a_selection_that_selects_nothing_is_an_error_that_names_the_nearest(
    tmp_path: Path, asked: dict[str, list[str]], said: str
) -> None:
    write_cases(tmp_path, "t1/gelu", "t2/rope")
    with pytest.raises(ConfigError) as error:
        discover(tmp_path, **asked)  # type: ignore[arg-type]
    assert said in str(error.value)


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such directory of cases"):
        discover(tmp_path / "nowhere")


def test_a_directory_above_or_below_the_right_one_is_told(tmp_path: Path) -> None:
    write_cases(tmp_path, "akg/benchmark/lite/t1/gelu")
    with pytest.raises(ConfigError, match=r"holds no tiers .* did you mean .*akg/benchmark/lite\?"):
        discover(tmp_path)
    with pytest.raises(ConfigError, match=r"looks like a tier itself: give .*lite and choose the tier by --tiers t1"):
        discover(tmp_path / "akg/benchmark/lite/t1")


def test_a_tier_without_cases_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t1").mkdir()
    with pytest.raises(ConfigError, match="no cases in t1"):
        discover(tmp_path)


def test_a_source_is_read_for_a_backend(tmp_path: Path) -> None:
    write_cases(tmp_path, t1__gelu="x = torch.ones(2, device='cpu')\n")
    found = discover(tmp_path).cases[0]
    assert read_source(found, "gpu") == "x = torch.ones(2, device='cuda')\n"
    assert read_source(found, "cpu") == "x = torch.ones(2, device='cpu')\n"
    found.file_path.unlink()
    with pytest.raises(ConfigError, match="cannot read case t1/gelu: No such file"):
        read_source(found, "gpu")


def test_a_skipped_case_stands_in_a_payload_with_the_published_keys() -> None:
    row = Case("t1", "rope", Path("/c/t1/rope.py"), True, "requires torch_npu").row()
    assert row == {
        "tier": "t1", "case_name": "rope", "file_path": "/c/t1/rope.py", "requires_npu": True, "skip_reason": "requires torch_npu",
    }  # fmt: skip


def test_our_own_cases_are_found() -> None:
    found = discover(own_cases())
    assert {"t1/gelu", "t2/swiglu"} <= set(labels(found)) and not found.skipped
