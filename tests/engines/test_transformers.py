"""The in-process engine with a real (tiny, random) model that really generates."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra 'transformers' is not installed")
pytest.importorskip("transformers", reason="the extra 'transformers' is not installed")

import tiny_model

from tripos.core.errors import ConfigError, EngineError
from tripos.core.records import GenerationParams, Message
from tripos.engines.engine import EngineSettings
from tripos.engines.transformers import Transformers

ASK = (Message(role="system", content="Be brief."), Message(role="user", content="héllo"))
GREEDY = GenerationParams(max_tokens=24)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.build(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
async def engine(directory: Path):  # type: ignore[no-untyped-def]
    engine = Transformers(EngineSettings(model=str(directory)))
    yield engine
    await engine.close()


async def test_greedy_generation_is_the_same_every_time_and_is_counted(engine: Transformers) -> None:
    first, second = await engine.generate(ASK, GREEDY), await engine.generate(ASK, GREEDY)
    assert first.text == second.text and len(first.text) == 24 and first.text.isprintable()
    assert first.finish_reason == "length"
    prompt = "<|system|>Be brief.<|end|><|user|>héllo<|end|><|assistant|>"
    special = 5
    spoken = len("Be brief.héllo".encode())
    assert first.usage.prompt_tokens == spoken + special, prompt
    assert first.usage.completion_tokens == 24
    assert first.cost_usd is None and not first.simulated
    assert first.latency_seconds is not None and first.ttft_seconds is not None
    assert 0 < first.ttft_seconds < first.latency_seconds
    assert json.loads(first.raw or "")["text"] == first.text


async def test_the_answer_is_that_of_the_bare_library(engine: Transformers, directory: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(directory), AutoModelForCausalLM.from_pretrained(directory)
    prompt = tokenizer("<|system|>Be brief.<|end|><|user|>héllo<|end|><|assistant|>", return_tensors="pt").input_ids
    tokens = prompt
    with torch.inference_mode():
        for _ in range(24):
            tokens = torch.cat([tokens, model(tokens).logits[:, -1:].argmax(-1)], dim=1)
    assert (await engine.generate(ASK, GREEDY)).text == tokenizer.decode(tokens[0, prompt.shape[1] :])


async def test_temperature_samples_and_a_seed_repeats(engine: Transformers) -> None:
    def hot(seed: int | None) -> GenerationParams:
        return GenerationParams(max_tokens=40, temperature=2.0, seed=seed)

    one, again, other = [(await engine.generate(ASK, hot(seed))).text for seed in (1, 1, 2)]
    assert one == again != other
    assert len({(await engine.generate(ASK, hot(None))).text for _ in range(3)}) > 1, "without a seed every answer is fresh"


async def test_a_narrow_top_p_leaves_only_the_likeliest(engine: Transformers) -> None:
    narrow = GenerationParams(max_tokens=24, temperature=1.0, top_p=1e-6, seed=5)
    assert (await engine.generate(ASK, narrow)).text == (await engine.generate(ASK, GREEDY)).text


async def test_a_seed_leaves_the_random_state_of_the_process_alone(engine: Transformers) -> None:
    import torch

    before = torch.random.get_rng_state()
    await engine.generate(ASK, GenerationParams(max_tokens=4, temperature=1.0, seed=1))
    assert torch.equal(before, torch.random.get_rng_state())


async def test_a_stop_string_ends_the_answer_and_is_not_part_of_it(engine: Transformers) -> None:
    whole = (await engine.generate(ASK, GREEDY)).text
    stop = whole[5:7]
    cut = await engine.generate(ASK, GenerationParams(max_tokens=24, stop=("never said", stop)))
    assert cut.text == whole[: whole.index(stop)]
    assert cut.finish_reason == "stop"
    assert cut.usage.completion_tokens is not None and cut.usage.completion_tokens <= 7


async def test_the_end_token_of_the_model_ends_the_answer(directory: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    eager = tiny_model.build(tmp_path / "eager")
    first = AutoTokenizer.from_pretrained(directory)
    whole = Transformers(EngineSettings(model=str(directory)))
    text = (await whole.generate(ASK, GREEDY)).text
    settings = json.loads((eager / "generation_config.json").read_text())
    settings["eos_token_id"] = [settings["eos_token_id"], first.convert_tokens_to_ids(text[4])]
    (eager / "generation_config.json").write_text(json.dumps(settings))
    engine = Transformers(EngineSettings(model=str(eager)))
    done = await engine.generate(ASK, GREEDY)
    await asyncio.gather(whole.close(), engine.close())
    assert done.finish_reason == "stop"
    assert done.text == text[: text.index(text[4]) + 1]


async def test_a_prompt_that_does_not_fit_is_refused_and_a_long_answer_is_cut_at_the_context(engine: Transformers) -> None:
    with pytest.raises(EngineError) as caught:
        await engine.generate((Message(role="user", content="x" * tiny_model.CONTEXT_TOKENS),), GREEDY)
    assert caught.value.kind == "context_length" and not caught.value.retryable
    room = 5
    tight = Message(role="user", content="x" * (tiny_model.CONTEXT_TOKENS - 3 - room))
    done = await engine.generate((tight,), GREEDY)
    assert (done.usage.completion_tokens, done.finish_reason) == (room, "length")


async def test_without_a_chat_template_messages_are_joined_and_a_warning_says_so(tmp_path: Path) -> None:
    bare = tiny_model.build(tmp_path / "bare", chat_template=False)
    engine = Transformers(EngineSettings(model=str(bare)))
    assert "no chat template" in (await engine.preflight()).warnings[0]
    done = await engine.generate(ASK, GREEDY)
    await engine.close()
    assert done.usage.prompt_tokens == len("Be brief.\n\nhéllo".encode())


async def test_the_event_loop_never_waits(engine: Transformers) -> None:
    await engine.preflight()
    longest, running = 0.0, True

    async def heartbeat() -> None:
        nonlocal longest
        while running:
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            longest = max(longest, time.perf_counter() - began)

    beat = asyncio.create_task(heartbeat())
    done = await asyncio.gather(*(engine.generate(ASK, GenerationParams(max_tokens=150)) for _ in range(3)))
    running = False
    await beat
    assert longest < min(d.latency_seconds or 0 for d in done)
    assert len({d.text for d in done}) == 1


async def test_a_generation_that_takes_too_long_times_out_and_frees_the_engine(directory: Path) -> None:
    engine = Transformers(EngineSettings(model=str(directory), timeout_seconds=3.0))
    await engine.preflight()
    with pytest.raises(EngineError) as caught:
        await engine.generate(ASK, GenerationParams(max_tokens=8000))
    assert (caught.value.kind, caught.value.retryable) == ("timeout", True)
    assert (await engine.generate(ASK, GenerationParams(max_tokens=2))).finish_reason == "length"
    await engine.close()


async def test_extra_settings_reach_the_library_and_wrong_ones_are_named(engine: Transformers) -> None:
    repeated = await engine.generate(ASK, GREEDY)
    penalised = await engine.generate(ASK, GenerationParams(max_tokens=24, extra={"repetition_penalty": 50.0}))
    assert penalised.text != repeated.text
    with pytest.raises(EngineError, match="no_such_setting") as caught:
        await engine.generate(ASK, GenerationParams(max_tokens=4, extra={"no_such_setting": 1}))
    assert caught.value.kind == "bad_request"


async def test_what_it_cannot_do_is_refused(engine: Transformers) -> None:
    image = (Message(role="user", content=[{"type": "image_url", "image_url": {"url": "data:,"}}]),)
    with pytest.raises(EngineError, match="images"):
        await engine.generate(image, GREEDY)
    with pytest.raises(EngineError, match="vllm"):
        await engine.generate(ASK, GREEDY, tools=[{"type": "function", "function": {"name": "f"}}])


async def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    engine = Transformers(EngineSettings(model=str(tmp_path / "nothing")))
    with pytest.raises(EngineError, match="nothing") as caught:
        await engine.preflight()
    await engine.close()
    assert caught.value.kind == "not_found"


async def test_an_unknown_option_is_named(directory: Path) -> None:
    engine = Transformers(EngineSettings(model=str(directory), options={"devise": "cpu"}))
    with pytest.raises(ConfigError, match="'devise'"):
        await engine.preflight()
    await engine.close()


def test_a_hub_id_is_served_from_the_cache_when_offline(tmp_path: Path) -> None:
    cache = tiny_model.build_in_cache(tmp_path / "hub", "tiny/random")
    code = """
import asyncio
from tripos.core.records import GenerationParams, Message
from tripos.engines.engine import EngineSettings
from tripos.engines.transformers import Transformers
engine = Transformers(EngineSettings(model="tiny/random"))
print(len(asyncio.run(engine.generate((Message(role="user", content="hi"),), GenerationParams(max_tokens=9))).text))
"""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.strip() == "9", done.stderr
