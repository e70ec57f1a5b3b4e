"""Finding the engine of a model, against real sockets on this machine."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from fake_http import Reply, serving
from hypothesis import given
from hypothesis import strategies as st

from tripos.core.errors import ConfigError
from tripos.engines.discovery import _address, api_key_for, choose, cloud_engine, default_base_url, discover

HOSTS = ("VLLM_HOST", "SGLANG_HOST", "LLAMACPP_HOST", "OLLAMA_HOST", "LMSTUDIO_HOST", "MLX_HOST")
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "HF_TOKEN")


def models(*ids: str, owner: str = "somebody") -> Reply:
    return Reply(body={"object": "list", "data": [{"id": i, "object": "model", "owned_by": owner} for i in ids]})


def tags(*names: str) -> Reply:
    return Reply(body={"models": [{"name": n, "model": n} for n in names]})


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nobody listens: bound, so that nobody else takes it, but not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, nobody: str) -> None:
    for name in (*KEYS, "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in HOSTS:
        monkeypatch.setenv(name, nobody)


@pytest.mark.parametrize(
    ("model", "engine"),
    [
        ("gpt-4o", "openai"),
        ("gpt-5-mini-2025-08-07", "openai"),
        ("chatgpt-4o-latest", "openai"),
        ("o1", "openai"),
        ("o3-mini", "openai"),
        ("o4-mini", "openai"),
        ("claude-opus-4-6", "anthropic"),
        ("claude-3-5-haiku-20241022", "anthropic"),
        ("gemini-3.1-pro-preview", "google"),
        ("models/gemini-2.5-flash", "google"),
    ],
)
def test_the_family_of_a_name_tells_the_cloud_engine(model: str, engine: str) -> None:
    assert cloud_engine(model) == engine


@pytest.mark.parametrize("model", ["gpt-oss-120b", "qwen3:8b", "llama3:70b", "gemma-3-27b-it", "olmo-2", "o", "openchat", "my-gpt-4o", ""])
def test_other_names_need_a_provider(model: str) -> None:
    with pytest.raises(ConfigError, match="'openai', 'anthropic', 'google'"):
        cloud_engine(model)
    assert cloud_engine(model, "gemini") == "google"


def test_a_provider_beats_the_name_and_must_exist() -> None:
    assert cloud_engine("claude-opus-4-6", "openai") == "openai"
    with pytest.raises(ConfigError, match="did you mean 'anthropic'"):
        cloud_engine("claude-opus-4-6", "antropic")


@pytest.mark.parametrize(
    ("engine", "url"),
    [
        ("vllm", "http://localhost:8000"),
        ("sglang", "http://localhost:30000"),
        ("llamacpp", "http://localhost:8080"),
        ("mlx", "http://localhost:8080"),
        ("ollama", "http://localhost:11434"),
        ("lmstudio", "http://localhost:1234"),
        ("openai", "https://api.openai.com/v1"),
        ("anthropic", None),
        ("google", None),
        ("transformers", None),
        ("replay", None),
        ("simulated", None),
    ],
)
def test_usual_addresses(monkeypatch: pytest.MonkeyPatch, engine: str, url: str | None) -> None:
    for name in HOSTS:
        monkeypatch.delenv(name)
    assert default_base_url(engine) == url


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://gpu-node:8000", "http://gpu-node:8000"),
        ("http://gpu-node:8000/", "http://gpu-node:8000"),
        ("http://gpu-node:8000/v1", "http://gpu-node:8000/v1"),
        ("https://models.example.org", "https://models.example.org"),
        ("gpu-node", "http://gpu-node:11434"),
        ("gpu-node:9", "http://gpu-node:9"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:7", "http://127.0.0.1:7"),
        (":7", "http://localhost:7"),
        ("[::1]:7", "http://[::1]:7"),
        ("  localhost  ", "http://localhost:11434"),
        ("", "http://localhost:11434"),
    ],
)
def test_the_host_variable_is_obeyed(monkeypatch: pytest.MonkeyPatch, given: str, url: str) -> None:
    monkeypatch.setenv("OLLAMA_HOST", given)
    assert default_base_url("ollama") == url


@pytest.mark.parametrize("given", ["ftp://x", "http://", "host:port", "http://host:99999"])
def test_a_host_variable_without_an_address_is_named(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("VLLM_HOST", given)
    with pytest.raises(ConfigError, match="VLLM_HOST"):
        default_base_url("vllm")


@given(st.text(max_size=30))
def test_any_text_is_an_address_or_a_clear_error(text: str) -> None:
    try:
        assert _address(text, 8000, "VLLM_HOST").startswith(("http://", "https://"))
    except ConfigError as error:
        assert "VLLM_HOST" in str(error)


def test_keys_come_from_the_usual_variables_and_local_servers_get_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.setenv(name, name.lower())
    assert api_key_for("openai") == "openai_api_key"
    assert api_key_for("anthropic") == "anthropic_api_key"
    assert api_key_for("google") == api_key_for("gemini") == "gemini_api_key"
    assert api_key_for("transformers") == "hf_token"
    assert [api_key_for(e) for e in ("vllm", "ollama", "llamacpp", "openai-compatible")] == [None] * 4
    monkeypatch.delenv("GEMINI_API_KEY")
    assert api_key_for("google") == "google_api_key"


async def test_every_local_server_is_asked_and_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        serving({"/v1/models": [models("a", "b", owner="vllm")]}) as vllm,
        serving({"/api/tags": [tags("qwen3:8b", "b:latest")]}) as ollama,
    ):
        monkeypatch.setenv("VLLM_HOST", vllm.url)
        monkeypatch.setenv("OLLAMA_HOST", ollama.url)
        found = await discover("b")
        assert [(f.engine, f.base_url, f.model) for f in found] == [("vllm", vllm.url, "b"), ("ollama", ollama.url, "b:latest")]
        assert [f.model for f in await discover("qwen3")] == [None, None], "part of a name is not the name"
        assert {a.path for a in vllm.asked} == {"/v1/models"} and {a.path for a in ollama.asked} == {"/api/tags"}


async def test_a_server_says_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """llama.cpp and mlx share a port, and anybody may listen on vLLM's: `owned_by` decides, else the address."""
    with serving({"/v1/models": [models("m", owner="llamacpp")]}) as server:
        monkeypatch.setenv("VLLM_HOST", server.url)
        monkeypatch.setenv("MLX_HOST", server.url)
        assert [f.engine for f in await discover("m")] == ["llamacpp"]
        assert len(server.asked) == 1


async def test_auto_takes_the_local_server_that_has_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    with serving({"/v1/models": [models("x")]}) as vllm, serving({"/v1/models": [models("gpt-4o")]}) as sglang:
        monkeypatch.setenv("VLLM_HOST", vllm.url + "/v1")
        monkeypatch.setenv("SGLANG_HOST", sglang.url)
        chosen = await choose("gpt-4o")
        assert (chosen.engine, chosen.base_url, chosen.model) == ("sglang", sglang.url, "gpt-4o")
        assert (await choose("x")).base_url == vllm.url + "/v1"
        cloud = await choose("o3")
        assert (cloud.engine, cloud.base_url, cloud.model) == ("openai", "https://api.openai.com/v1", "o3")


async def test_auto_without_a_server_names_whom_it_asked_and_what_is_near(monkeypatch: pytest.MonkeyPatch, nobody: str) -> None:
    with serving({"/api/tags": [tags("qwen3:8b")]}) as ollama, serving({"/v1/models": [Reply(500, "Internal Server Error")]}) as broken:
        monkeypatch.setenv("OLLAMA_HOST", ollama.url)
        monkeypatch.setenv("VLLM_HOST", broken.url)
        with pytest.raises(ConfigError) as caught:
            await choose("qwen3-8b")
    words = str(caught.value)
    assert "did you mean 'qwen3:8b'" in words
    assert f"ollama at {ollama.url} lists qwen3:8b" in words
    assert f"vllm at {broken.url} answers 500" in words
    assert f"{nobody} does not answer" in words


async def test_auto_tells_which_key_would_help() -> None:
    with pytest.raises(ConfigError, match="set ANTHROPIC_API_KEY to use anthropic"):
        await choose("claude-opus-4-6")


@pytest.mark.parametrize("body", ["<html>", "[]", '{"data": 3}', '{"data": [{}]}', '{"models": []}', '{"data": ["m"]}'])
async def test_something_else_on_the_port_is_no_server(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    with serving({"/": [Reply(200, body)]}) as other:
        monkeypatch.setenv("VLLM_HOST", other.url)
        assert await discover("m") == []
        with pytest.raises(ConfigError, match="no list of models"):
            await choose("m")


async def test_a_silent_server_delays_nobody_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent, serving({"/v1/models": [models("m")]}) as server:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("VLLM_HOST", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("LMSTUDIO_HOST", server.url)
        began = time.perf_counter()
        assert [f.engine for f in await discover("m")] == ["lmstudio"]
        assert time.perf_counter() - began < 30


async def test_a_redirect_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({"/v1/models": [models("m")]}) as elsewhere:
        with serving({"/v1/models": [Reply(302, "", headers={"location": elsewhere.url + "/v1/models"})]}) as server:
            monkeypatch.setenv("VLLM_HOST", server.url)
            assert await discover("m") == []
        assert elsewhere.asked == []
