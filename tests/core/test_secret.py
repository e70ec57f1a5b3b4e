"""A key goes nowhere but into the header of a request."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.core.secret import Secret, without_password
from tripos.engines.engine import EngineSettings
from tripos.runs.spec import JudgeSpec, ModelSpec, RunSpec, public

CANARY = "sk-canary-0123456789"


def spec() -> RunSpec:
    model = ModelSpec(name="m", base_url="http://user:hunter2@host/v1", api_key=Secret(CANARY))
    return RunSpec(benchmark="quiz", model=model, judge=JudgeSpec(model=model), external_api_key=Secret(CANARY), data=Path("rows"))


def test_a_secret_shows_stars_however_it_is_printed() -> None:
    secret = Secret(CANARY)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r}", "%s" % secret, "{}".format(secret), repr([secret]), repr({"k": secret})]  # noqa: UP031, UP032
    assert all(CANARY not in text and "***" in text for text in shown)
    assert secret.reveal() == CANARY


@pytest.mark.parametrize("write", [json.dumps, msgspec.json.encode, msgspec.msgpack.encode, pickle.dumps, vars], ids=lambda w: w.__module__)
def test_a_secret_cannot_be_written(write: object) -> None:
    with pytest.raises(TypeError):
        write(Secret(CANARY))  # type: ignore[operator]


def test_a_copy_of_a_secret_is_the_secret() -> None:
    secret = Secret(CANARY)
    assert copy.copy(secret) is secret and copy.deepcopy({"k": secret})["k"] is secret
    assert dataclasses.asdict(spec())["model"]["api_key"].reveal() == CANARY
    assert secret != Secret(CANARY)


def test_no_form_of_a_specification_shows_the_key() -> None:
    text = repr(spec()) + str(spec()) + json.dumps(public(spec()))
    assert CANARY not in text
    assert "hunter2" not in json.dumps(public(spec()))
    assert public(spec())["model"]["name"] == "m" and public(spec())["data"] == "rows"


def test_the_settings_of_an_engine_do_not_show_the_key() -> None:
    assert CANARY not in repr(EngineSettings(model="m", api_key=CANARY))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://user:hunter2@host:8000/v1", "http://user:***@host:8000/v1"),
        ("postgresql://me:p@ss@db/x", "postgresql://me:***@db/x"),
        ("https://:only@host", "https://:***@host"),
        ("http://user:hunter2@[::1", "http://user:***@[::1"),
        ("http://host:8000/v1", "http://host:8000/v1"),
        ("http://host/a:b@c", "http://host/a:b@c"),
        ("http://user@host", "http://user@host"),
        ("no url: at all @", "no url: at all @"),
    ],
)
def test_passwords_of_urls_are_masked(url: str, shown: str) -> None:
    assert without_password(url) == shown


@given(st.text(st.characters(exclude_characters="/?#:@", exclude_categories=["Z", "C"]), min_size=12))
def test_no_password_is_left_in_a_url(password: str) -> None:
    assert password not in without_password(f"https://user:{password}@host/v1")
    assert without_password(password) == password
