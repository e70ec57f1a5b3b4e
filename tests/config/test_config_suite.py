"""A suite is every model with every benchmark, each setting from its strongest source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from toml_text import LEAST, load, suite_text, suites

from tripos.config.files import shipped, shipped_names
from tripos.config.suite import load_suite, not_in_this_version, remarks, unknown_benchmarks
from tripos.core.errors import ConfigError
from tripos.core.records import GenerationParams
from tripos.core.secret import Secret
from tripos.runs.spec import JudgeSpec, ModelSpec, RunSpec, SuiteSpec, public


@pytest.fixture(autouse=True)
def no_endpoint_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JARVIS_BACKEND_BASE_URL", "JARVIS_BACKEND_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def one(suite: SuiteSpec) -> RunSpec:
    (run,) = suite.runs
    return run


def test_the_least_suite_has_the_documented_defaults(tmp_path: Path) -> None:
    run = one(load(tmp_path, LEAST))
    assert run == RunSpec(benchmark="b", model=ModelSpec(name="m"))
    assert (run.params.temperature, run.params.max_tokens, run.max_workers, run.seed) == (0.0, 2048, 4, 42)
    assert (run.judge.model.name, run.judge.model.engine, run.judge.temperature, run.judge.max_tokens) == (
        "gpt-5-mini-2025-08-07",
        "cloud",
        0.0,
        1024,
    )
    assert run.trackers.sheets_worksheet == "Results" and str(run.output_path()) == "results/b_m.jsonl"


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_suite_loads_without_a_remark(name: str) -> None:
    suite = load_suite(shipped(name))
    assert suite.runs and remarks(suite) == []
    assert len({run.output_path() for run in suite.runs}) == len(suite.runs)


def test_the_full_suite_is_twelve_runs_models_outside() -> None:
    suite = load_suite(shipped("full-suite"))
    pairs = [(run.model.name, run.benchmark) for run in suite.runs]
    keys = ["supergpqa", "gaia", "frames", "wildchat"]
    assert pairs == [(model, key) for model in ("qwen3:8b", "gpt-4o", "llama3:70b") for key in keys]
    assert suite.name == "full-suite-v1" and {run.suite for run in suite.runs} == {"full-suite-v1"}


def test_the_full_suite_resolves_as_the_manual_says() -> None:
    runs = {(run.model.name, run.benchmark): run for run in load_suite(shipped("full-suite")).runs}
    assert runs["qwen3:8b", "wildchat"].params == GenerationParams(temperature=0.7, max_tokens=4096)
    assert runs["qwen3:8b", "frames"].params == GenerationParams(temperature=0.3, max_tokens=4096)
    assert runs["gpt-4o", "frames"].params == GenerationParams(temperature=0.0, max_tokens=2048)
    assert runs["gpt-4o", "frames"].model == ModelSpec(name="gpt-4o", engine="cloud", provider="openai")
    gaia = runs["llama3:70b", "gaia"]
    assert (gaia.backend, gaia.agent, gaia.tools, gaia.max_samples) == ("agent", "orchestrator", ("file_read", "calculator"), 50)
    assert gaia.judge.model.name == "claude-sonnet-4-20250514" and runs["gpt-4o", "frames"].judge.model.name == "gpt-4o"
    assert str(gaia.output_path()) == "results/gaia_llama3-70b.jsonl"


@pytest.mark.parametrize(
    ("name", "models", "workers", "folder"),
    [("use_case_v2_cloud", 6, 4, "results/use-cases-v2-cloud"), ("use_case_v2_local", 5, 2, "results/use-cases-v2-local")],
)
def test_the_use_case_suites_have_the_documented_matrix(name: str, models: int, workers: int, folder: str) -> None:
    runs = load_suite(shipped(name)).runs
    assert len(runs) == models * 5 and len({run.model.name for run in runs}) == models
    assert {run.benchmark for run in runs} == {"coding_assistant", "security_scanner", "daily_digest", "doc_qa", "browser_assistant"}
    assert {(r.max_samples, r.params.max_tokens, r.params.temperature, r.max_workers) for r in runs} == {(30, 4096, 0.0, workers)}
    assert {str(run.output_dir) for run in runs} == {folder}
    assert {run.judge.model.name for run in runs} == {"gpt-5-mini-2025-08-07"}


def test_the_local_suite_says_how_large_its_models_are() -> None:
    models = {run.model.name: run.model for run in load_suite(shipped("use_case_v2_local")).runs}
    assert all(m.engine == "ollama" and m.param_count_b > 0 for m in models.values())
    assert models["qwen3.5:122b-a10b"].active_params_b == 10.0 and models["glm4"].active_params_b is None


def test_the_quickstart_needs_no_model_and_its_candidates_differ_in_skill() -> None:
    runs = load_suite(shipped("quickstart")).runs
    assert {run.model.engine for run in runs} == {"simulated"}
    assert len({run.model.options["skill"] for run in runs}) == 2
    assert {run.benchmark for run in runs} == {"email_triage", "coding_task", "security_scanner", "coding_assistant"}


@pytest.mark.parametrize("key", ["temperature", "max_tokens"])
def test_benchmark_beats_model_beats_defaults_beats_built_in(tmp_path: Path, key: str) -> None:
    def resolved(defaults: str = "", model: str = "", benchmark: str = "") -> Any:
        text = f'[defaults]\n{defaults}\n[[models]]\nname = "m"\n{model}\n[[benchmarks]]\nname = "b"\n{benchmark}\n'
        return getattr(one(load(tmp_path, text)).params, key)

    assert resolved() == getattr(GenerationParams(), key)
    assert resolved(f"{key} = 11") == 11
    assert resolved(f"{key} = 11", f"{key} = 12") == 12
    assert resolved(f"{key} = 11", f"{key} = 12", f"{key} = 13") == 13
    assert resolved(f"{key} = 11", benchmark=f"{key} = 13") == 13


def test_zero_at_a_strong_level_is_a_value_not_an_absence(tmp_path: Path) -> None:
    text = '[defaults]\ntemperature = 0.9\n[[models]]\nname = "m"\ntemperature = 0.5\n[[benchmarks]]\nname = "b"\ntemperature = 0\n'
    assert one(load(tmp_path, text)).params.temperature == 0.0


@pytest.mark.parametrize("key", ["attempts", "global_agent_timeout_sec", "global_timeout_multiplier"])
def test_a_benchmark_overrides_the_whole_suites_setting(tmp_path: Path, key: str) -> None:
    suite = load(tmp_path, f'[run]\n{key} = 3\n{LEAST}[[benchmarks]]\nname = "c"\n{key} = 5\n')
    assert [getattr(run, key) for run in suite.runs] == [3, 5]


def test_every_key_of_the_file_reaches_the_run(tmp_path: Path) -> None:
    text = """
        [judge]
        model = "j"
        base_url = "http://judge/v1"
        api_key_env = "JUDGE_KEY"
        max_tokens = 7
        [run]
        max_workers = "auto"
        stream = true
        request_timeout_seconds = 5
        stall_seconds = 2
        max_cost_usd = 1.5
        max_tokens_total = 900
        wandb_project = "w"
        sheets_worksheet = "S"
        [store]
        url = "elsewhere.db"
        [[models]]
        name = "m"
        base_url = "http://m/v1"
        api_key_env = "M_KEY"
        options = { a = [1, { b = "c" }] }
        num_gpus = 4
        [[benchmarks]]
        name = "b"
        data = "rows.jsonl"
        shots = 5
        partition = "test"
        choice_judge = "never"
        prompt_variants = ["plain", "cot"]
        record_ids = ["r1"]
        subset = "s"
    """
    run = one(load(tmp_path, text))
    assert run.judge == JudgeSpec(model=ModelSpec(name="j", base_url="http://judge/v1", api_key_env="JUDGE_KEY"), max_tokens=7)
    assert (run.max_workers, run.stream, run.request_timeout_seconds, run.stall_seconds) == ("auto", True, 5.0, 2.0)
    assert (run.max_cost_usd, run.max_tokens_total, run.store) == (1.5, 900, "elsewhere.db")
    assert (run.trackers.wandb_project, run.trackers.sheets_worksheet) == ("w", "S")
    assert run.model == ModelSpec(name="m", base_url="http://m/v1", api_key_env="M_KEY", options={"a": [1, {"b": "c"}]}, num_gpus=4)
    assert (run.data, run.shots, run.partition, run.choice_judge) == (Path("rows.jsonl"), 5, "test", "never")
    assert (run.prompt_variants, run.record_ids, run.subset) == (("plain", "cot"), ("r1",), "s")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(suites())
def test_every_suite_of_valid_values_expands_to_its_full_matrix(tmp_path: Path, suite: Any) -> None:
    tables, models, benchmarks = suite
    expanded = load(tmp_path, suite_text(tables, models, benchmarks))
    assert [(r.model.name, r.benchmark) for r in expanded.runs] == [(m["name"], b["name"]) for m in models for b in benchmarks]
    assert len({str(run.output_path()).casefold() for run in expanded.runs}) == len(expanded.runs)
    for run, (m, b) in zip(expanded.runs, [(m, b) for m in models for b in benchmarks], strict=True):
        layers = [b, m, tables.get("[defaults]", {})]
        for key in ("temperature", "max_tokens"):
            wanted = next((layer[key] for layer in layers if key in layer), getattr(GenerationParams(), key))
            assert getattr(run.params, key) == wanted


def test_an_empty_string_leaves_an_optional_key_unset(tmp_path: Path) -> None:
    run = one(
        load(tmp_path, '[judge]\nengine = ""\n[[models]]\nname = "m"\nengine = ""\n[[benchmarks]]\nname = "b"\nsplit = ""\ndata = ""')
    )
    assert (run.model.engine, run.split, run.data, run.judge.model.engine) == (None, None, None, "cloud")


def test_runs_do_not_share_what_can_be_changed(tmp_path: Path) -> None:
    first, second = load(tmp_path, LEAST.replace('"m"', '"m"\noptions = { a = { b = 1 } }') + '[[benchmarks]]\nname = "c"').runs
    first.model.options["a"]["b"] = 2
    assert second.model.options == {"a": {"b": 1}}


EXTERNAL = '[backend.external]\nbase_url = "http://file/v1"\napi_key = "sk-file"\n' + LEAST


def test_the_environment_beats_the_external_endpoint_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def endpoint(text: str = EXTERNAL) -> tuple[str | None, str | None]:
        run = one(load(tmp_path, text))
        return run.external_base_url, run.external_api_key.reveal() if run.external_api_key else None

    assert endpoint(LEAST) == (None, None)
    assert endpoint() == ("http://file/v1", "sk-file")
    monkeypatch.setenv("JARVIS_BACKEND_API_KEY", "sk-env")
    assert endpoint() == ("http://file/v1", "sk-env")
    monkeypatch.setenv("JARVIS_BACKEND_BASE_URL", "http://env/v1")
    assert endpoint() == endpoint(LEAST) == ("http://env/v1", "sk-env")
    monkeypatch.setenv("JARVIS_BACKEND_BASE_URL", "")
    assert endpoint()[0] == "http://file/v1"


def test_the_environment_moves_no_model_of_a_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JARVIS_BACKEND_BASE_URL", "http://env/v1")
    assert one(load(tmp_path, LEAST)).model.base_url is None


def test_the_key_of_the_external_endpoint_is_never_shown(tmp_path: Path) -> None:
    suite = load(tmp_path, EXTERNAL)
    assert "sk-file" not in repr(suite) + str(public(suite))


@pytest.mark.parametrize(
    ("overrides", "seen"),
    [
        ({"temperature": 0.9}, lambda r: r.params.temperature == 0.9),
        ({"max_tokens": 5}, lambda r: r.params.max_tokens == 5),
        ({"top_p": 0.5, "stop": ("x",)}, lambda r: (r.params.top_p, r.params.stop) == (0.5, ("x",))),
        ({"extra": {"k": 1}}, lambda r: r.params.extra == {"k": 1}),
        ({"seed": 7}, lambda r: r.seed == 7 and r.params.seed is None),
        ({"max_samples": 3, "split": "test", "tools": ("a",)}, lambda r: (r.max_samples, r.split, r.tools) == (3, "test", ("a",))),
        ({"tools": ["a"], "agent": "simple"}, lambda r: (r.tools, r.agent) == (("a",), "simple")),
        ({"backend": "jarvis-agent"}, lambda r: r.backend == "agent"),
        ({"max_workers": "auto"}, lambda r: r.max_workers == "auto"),
        ({"engine": "vllm"}, lambda r: r.model.engine == "vllm"),
        ({"judge_model": "J", "judge_engine": "vllm"}, lambda r: (r.judge.model.name, r.judge.model.engine) == ("J", "vllm")),
        ({"judge_temperature": 1.0, "judge_max_tokens": 9}, lambda r: (r.judge.temperature, r.judge.max_tokens) == (1.0, 9)),
        ({"judge_base_url": "http://j"}, lambda r: (r.judge.model.base_url, r.judge.model.engine) == ("http://j", None)),
        ({"wandb_project": "p"}, lambda r: r.trackers.wandb_project == "p"),
        ({"store": "other.db"}, lambda r: r.store == "other.db"),
        ({"output_dir": Path("out")}, lambda r: r.output_path() == Path("out/b_m.jsonl")),
        ({"output": Path("o.jsonl")}, lambda r: r.output_path() == Path("o.jsonl")),
        ({"fresh": True, "agentic": True, "concurrency": 3}, lambda r: (r.fresh, r.agentic, r.concurrency) == (True, True, 3)),
        ({"query_timeout_seconds": 2.5, "episode_mode": True}, lambda r: (r.query_timeout_seconds, r.episode_mode) == (2.5, True)),
        ({"max_samples": None}, lambda r: r.max_samples == 40),
    ],
)  # fmt: skip
def test_flags_beside_the_file_win_over_every_level_of_it(tmp_path: Path, overrides: dict[str, Any], seen: Any) -> None:
    text = (
        '[defaults]\ntemperature = 0.1\n[judge]\nmodel = "f"\n[run]\nseed = 1\nmax_workers = 2\noutput_dir = "d"\n'
        '[[models]]\nname = "m"\nengine = "ollama"\ntemperature = 0.2\n'
        '[[benchmarks]]\nname = "b"\ntemperature = 0.3\nmax_samples = 40\nsplit = "train"\ntools = ["z"]\njudge_model = "g"\n'
    )
    assert seen(one(load(tmp_path, text, overrides=overrides)))


def test_a_server_given_by_hand_serves_every_model_and_every_external_backend(tmp_path: Path) -> None:
    text = LEAST.replace('"m"', '"m"\nengine = "simulated"\nprovider = "openai"') + '[backend.external]\nbase_url = "http://file"\n'
    run = one(load(tmp_path, text, overrides={"base_url": "http://hand", "api_key": "sk-1"}))
    assert run.model.base_url == run.external_base_url == "http://hand"
    assert run.model.engine is None and run.model.provider is None
    assert run.model.api_key is not None and run.model.api_key.reveal() == "sk-1" and "sk-1" not in repr(run)
    kept = one(load(tmp_path, text, overrides={"base_url": "http://hand", "engine": "vllm", "api_key": Secret("sk-2")}))
    assert kept.model.engine == "vllm" and kept.model.api_key is not None and kept.model.api_key.reveal() == "sk-2"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"max_sample": 3}, "unknown override 'max_sample'; did you mean 'max_samples'?"),
        ({"max_samples": 0}, "`max_samples`, given as a flag, must be an integer of at least 1, got 0"),
        ({"backend": "hermess"}, 'did you mean "hermes"?'),
        ({"fresh": "yes"}, "`fresh`, given as a flag, must be true or false"),
        ({"concurrency": "3"}, "`concurrency`, given as a flag, must be an integer"),
        ({"model": "gpt-4"}, "unknown model 'gpt-4'; did you mean 'gpt-4o'?"),
        ({"benchmark": "gaja"}, "unknown benchmark 'gaja'; did you mean 'gaia'?"),
        ({"output": "o.jsonl"}, "--output o.jsonl names one file, but the suite has 12 runs"),
    ],
)
def test_a_wrong_flag_is_refused(overrides: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_suite(shipped("full-suite"), overrides)
    assert said in str(caught.value)


def test_a_wrong_key_given_as_a_flag_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        load_suite(shipped("minimal"), {"api_key": ["sk-secret"]})
    assert "sk-secret" not in str(caught.value)


def test_model_and_benchmark_flags_pick_cells_of_the_matrix() -> None:
    run = one(load_suite(shipped("full-suite"), {"model": "gpt-4o", "benchmark": "gaia", "output": "o.jsonl"}))
    assert (run.model.name, run.benchmark, str(run.output_path())) == ("gpt-4o", "gaia", "o.jsonl")


def test_the_model_filter_keeps_names_that_contain_it() -> None:
    kept = load_suite(shipped("full-suite"), model_filter="llama")
    assert {run.model.name for run in kept.runs} == {"llama3:70b"} and len(kept.runs) == 4
    with pytest.raises(ConfigError, match="no model name contains 'LLAMA'; the models are: qwen3:8b, gpt-4o, llama3:70b"):
        load_suite(shipped("full-suite"), model_filter="LLAMA")


def test_unknown_benchmarks_load_and_are_told_at_plan_time(tmp_path: Path) -> None:
    suite = load(tmp_path, LEAST.replace('"b"', '"no-such-examination"') + '[[models]]\nname = "n"\n')
    assert unknown_benchmarks(suite) == ["no-such-examination"]
    assert "benchmark 'no-such-examination' is not in this version" in not_in_this_version("no-such-examination")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LEAST + 'agent = "simple"\n', "b: `agent` and `tools` have no effect with the direct backend"),
        (LEAST.replace('"m"', '"m"\nengine = "vllm"\nprovider = "openai"'), "m: `provider` has no effect with engine 'vllm'"),
        (
            LEAST.replace('"m"', '"m"\nengine = "simulated"\nbase_url = "http://x"'),
            "m: `base_url` has no effect with engine 'simulated', which asks nobody",
        ),
        (
            LEAST.replace('"m"', '"m"\nparam_count_b = 8\nactive_params_b = 80'),
            "m: `active_params_b` (80) is more than `param_count_b` (8)",
        ),
    ],
)
def test_what_has_no_effect_where_it_stands_is_remarked_on(tmp_path: Path, text: str, said: str) -> None:
    (remark,) = remarks(load(tmp_path, text))
    assert remark.startswith(said)
