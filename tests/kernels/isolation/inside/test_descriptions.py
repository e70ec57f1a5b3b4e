"""What a worker may say about its values, and what is made of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from tripos.kernels.isolation.inside import descriptions  # noqa: E402
from tripos.kernels.isolation.inside.descriptions import Unsound, difference, likeness, offset, parse, span  # noqa: E402
from tripos.kernels.isolation.inside.held import _addresses  # noqa: E402

WORDS = st.sampled_from(["Tensor", "list", "tuple", "dict", "float", "int", "str", "bool", "NoneType", "strange"])
NUMBERS = st.integers(-4, 40) | st.integers() | st.booleans() | st.floats()
SAID = st.recursive(
    st.none() | NUMBERS | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.fixed_dictionaries(
            {"type": WORDS},
            optional={
                "items": st.lists(inner, max_size=3),
                "keys": st.lists(st.text(), max_size=3),
                "value": inner,
                "shape": st.lists(NUMBERS, max_size=3),
                "strides": st.lists(NUMBERS, max_size=3),
                "dtype": st.sampled_from(["float32", "int8", "_C", "strided", 3]),
                "address": NUMBERS,
            },
        )
    ),
    max_leaves=8,
)


@given(SAID)
def test_anything_is_a_description_or_unsound(said: Any) -> None:
    try:
        parsed = parse(said)
    except Unsound as error:
        assert len(str(error)) < 400
        return
    assert parse(parsed) == parsed
    for tensor in descriptions.described_tensors(parsed):
        assert span(tensor) * descriptions.dtype_of(tensor).itemsize <= descriptions.MOST_BYTES
    assert difference(parsed, parsed) is None if not descriptions.described_tensors(parsed) else True


@st.composite
def tensors(draw: st.DrawFn) -> Any:
    """Views of all kinds: sliced, transposed, expanded, empty."""
    shape = draw(st.lists(st.integers(0, 5), max_size=4))
    dtype = draw(st.sampled_from([torch.float32, torch.int64, torch.bfloat16, torch.bool]))
    made = torch.arange(max(1, int(torch.tensor(shape).prod()) if shape else 1)).to(dtype)
    value = made[: int(torch.tensor(shape).prod()) if shape else 1].reshape(shape)
    if shape:
        value = value[:: draw(st.integers(1, 2))].permute(draw(st.permutations(range(len(shape)))))
        if draw(st.booleans()):
            value = value.unsqueeze(0).expand(3, *value.shape)
    return value


def described(value: Any) -> dict[str, Any]:
    return parse({**likeness(value), "address": value.data_ptr()})


@given(tensors())
def test_positions_are_found_where_torch_has_them(value: Any) -> None:
    told = described(value)
    flat = value.reshape(-1).tolist()
    if flat:
        storage = torch.as_strided(value, (span(told),), (1,)).tolist()
        assert [storage[offset(position, told)] for position in range(len(flat))] == flat
        assert _addresses(told).tolist() == [value.data_ptr() + offset(p, told) * value.element_size() for p in range(len(flat))]
    else:
        assert span(told) == 0
    assert difference(value, told) is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"shape": [3, 2]}, "has shape (3, 2), expected (2, 3)"),
        ({"dtype": "float64"}, "is a tensor of float64, expected float32"),
        ({"type": "list", "items": []}, "is of type list, expected Tensor"),
        ({"type": "NoneType", "value": None}, "is of type NoneType, expected Tensor"),
    ],
)
def test_a_difference_is_said_in_a_sentence(changed: dict[str, Any], said: str) -> None:
    value = torch.zeros(2, 3)
    assert difference(value, parse(described(value) | changed)) == f"output {said}"


def test_parts_keys_and_plain_values_are_compared() -> None:
    one = {"type": "int", "value": 1}
    pair = {"type": "tuple", "items": [one, one]}
    assert difference(pair, {"type": "list", "items": [one, one]}) is None
    assert difference(pair, {"type": "tuple", "items": [one]}) == "output has 1 parts where 2 are expected"
    assert difference(pair, {"type": "tuple", "items": [one, {"type": "int", "value": 2}]}) == "output[1] is 2 where 1 is expected"
    assert "keys" in (difference({"type": "dict", "keys": ["a"], "items": [one]}, {"type": "dict", "keys": ["b"], "items": [one]}) or "")


@pytest.mark.parametrize(
    "tensor",
    [
        {"shape": [10**6, 10**6], "strides": [10**6, 1]},
        {"shape": [2, 2], "strides": [1 << 40, 1]},
        {"shape": [10**6] * 3, "strides": [0, 0, 0]},
        {"shape": [-1]},
        {"strides": [-1]},
        {"shape": [True]},
        {"shape": [1] * 65, "strides": [1] * 65},
        {"address": 1 << 64},
        {"dtype": "Tensor"},
        {"dtype": None},
    ],
)
def test_tensors_that_cannot_be(tensor: dict[str, Any]) -> None:
    with pytest.raises(Unsound):
        parse({"type": "Tensor", "shape": [4], "strides": [1], "dtype": "float32", "address": 4096} | tensor)


def test_a_description_is_not_nested_without_end() -> None:
    said: dict[str, Any] = {"type": "int", "value": 1}
    for _ in range(descriptions.MOST_DEPTH + 1):
        said = {"type": "list", "items": [said]}
    with pytest.raises(Unsound):
        parse(said)
