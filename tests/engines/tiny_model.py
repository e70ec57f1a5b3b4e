"""A language model of a few hundred thousand random weights with a byte-level tokenizer, built on the spot.

It says nothing of sense, but it loads, tokenizes, samples and stops like any other. Nothing is downloaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

CONTEXT_TOKENS = 8192
END = "<|end|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}" + END + "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def build(directory: Path, *, seed: int = 0, chat_template: bool = True) -> Path:
    """Writes model, tokenizer and generation settings into `directory` and returns it; the same seed, the same weights."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    tokenizer = _tokenizer(chat_template)
    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in (("bos", "<|start|>"), ("eos", END), ("pad", "<|pad|>"))}
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_TOKENS,
        bos_token_id=ids["bos"],
        eos_token_id=ids["eos"],
        pad_token_id=ids["pad"],
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
        _prefer_printable(model, tokenizer)
    # `transformers serve` samples only where the model's own settings say so, whatever temperature is asked for
    own = {f"{name}_token_id": number for name, number in ids.items()}
    model.generation_config = GenerationConfig(do_sample=True, temperature=1.0, **own)
    logging.disable_progress_bar()
    directory.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def build_in_cache(cache: Path, model_id: str = "tiny/random", **options: Any) -> Path:
    """The same model as a download of the hub would lie in its cache (`HF_HUB_CACHE`); returns the cache.

    `transformers serve` lists only models that lie there, and only under their hub ids.
    """
    revision = "0123456789abcdef0123456789abcdef01234567"
    home = cache / f"models--{model_id.replace('/', '--')}"
    build(home / "snapshots" / revision, **options)
    (home / "refs").mkdir(exist_ok=True)
    (home / "refs" / "main").write_text(revision)
    return cache


def _tokenizer(chat_template: bool):  # type: ignore[no-untyped-def]
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={character: i for i, character in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    roles = ["<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<|start|>",
        eos_token=END,
        pad_token="<|pad|>",
        additional_special_tokens=roles,
        model_max_length=CONTEXT_TOKENS,
    )
    if chat_template:
        tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _prefer_printable(model, tokenizer) -> None:  # type: ignore[no-untyped-def]
    """Only printable ASCII gets likely, so that what is said is valid text and lasts until the limit."""
    import torch

    printable = [tokenizer.convert_tokens_to_ids("Ġ" if c == " " else c) for c in map(chr, range(32, 127))]
    weights = torch.zeros_like(model.lm_head.weight)
    weights[printable] = torch.randn(len(printable), weights.shape[1])
    with torch.no_grad():
        model.lm_head.weight.copy_(weights)
