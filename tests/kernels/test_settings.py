"""Options of a kernel run: ranges, names, and how they stand in a payload."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.core.errors import ConfigError
from tripos.kernels.settings import Settings, team_name


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mode": "fast"}, "unknown mode 'fast'"),
        ({"pass_n": 0}, "--pass-n 0: it must be at least 1"),
        ({"max_concurrent": 0}, "--max-concurrent 0"),
        ({"warmup": -1}, "--warmup -1"),
        ({"iterations": 0}, "--iterations 0"),
        ({"num_trials": 0}, "--num-trials 0"),
        ({"rtol": -0.1}, "--rtol -0.1: it must be at least 0"),
        ({"atol": math.nan}, "--atol nan"),
        ({"timeout": 0.5}, "--timeout 0.5: it must be at least 1"),
        ({"timeout": math.inf}, "--timeout inf"),
        ({"team_name": "a b"}, "team name 'a b'"),
    ],
)  # fmt: skip
def test_a_value_out_of_range_names_its_option(given: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        Settings(**given)  # type: ignore[arg-type]
    assert said in str(error.value)


@pytest.mark.parametrize("name", ["aikg_agent", "Team-7", "_", "x" * 100])
def test_good_team_names(name: str) -> None:
    assert team_name(name) == name


@pytest.mark.parametrize("name", ["", "a\n", "\na", "a/b", "..", "a b", "é", "a.b", "x" * 101, "a\0", "٣"])
def test_bad_team_names_a_trailing_newline_too(name: str) -> None:
    with pytest.raises(ConfigError, match="team name"):
        team_name(name)


@given(st.text(max_size=10))
def test_a_team_name_is_always_one_plain_part_of_a_path(name: str) -> None:
    try:
        team_name(name)
    except ConfigError:
        return
    assert all(c.isascii() and (c.isalnum() or c in "_-") for c in name) and name


def test_the_config_of_a_payload_has_the_published_keys() -> None:
    names = ["mode", "backend", "arch", "dsl", "backend_name", "devices", "pass_n", "max_concurrent", "tiers", "cases", "filter",
             "team_name", "workflow"]  # fmt: skip
    plain = Settings().config(backend="gpu", arch="h200", dsl="triton_cuda", backend_name=None, devices=[0])
    assert list(plain) == names and plain["pass_n"] == 3 and plain["max_concurrent"] == 4 and plain["team_name"] == "aikg_agent"
    full = Settings(mode="full", warmup=10).config(backend="gpu", arch="h200", dsl="triton_cuda", backend_name=None, devices=None)
    assert list(full) == [*names, "warmup", "iterations", "num_trials", "rtol", "atol", "timeout"]
    assert full["warmup"] == 10 and full["iterations"] is None and full["timeout"] == 300
