"""A case's text for another device: every way to name a device is converted, every way to mention one is left alone."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.core.errors import ConfigError
from tripos.kernels.conversion import convert_source


@pytest.mark.parametrize(
    ("cpu", "gpu"),
    [
        ("x = torch.ones(2, device='cpu')", "x = torch.ones(2, device='cuda')"),
        ('x = torch.ones(2, device="cpu")', 'x = torch.ones(2, device="cuda")'),
        ('x = torch.ones(2, device = "cpu" )', 'x = torch.ones(2, device = "cuda" )'),
        ("x = torch.ones(\n    2,\n    device='cpu',  # here\n)", "x = torch.ones(\n    2,\n    device='cuda',  # here\n)"),
        ('d = torch.device("cpu")', 'd = torch.device("cuda")'),
        ('d = torch.device("cpu:0")', 'd = torch.device("cuda:0")'),
        ('d = torch.device("cpu", 0)', 'd = torch.device("cuda", 0)'),
        ('from torch import device\nd = device("cpu")', 'from torch import device\nd = device("cuda")'),
        ('x = x.to("cpu")', 'x = x.to("cuda")'),
        ("x = x.to('cpu', torch.float16)", "x = x.to('cuda', torch.float16)"),
        ('x = f(x)[0].to(device="cpu")', 'x = f(x)[0].to(device="cuda")'),
        ('device = "cpu"', 'device = "cuda"'),
        ("device='cpu'", "device='cuda'"),
        ('DEVICE: str = "cpu"', 'DEVICE: str = "cuda"'),
        ('self.device = "cpu"', 'self.device = "cuda"'),
        ('def f(n, device="cpu"): ...', 'def f(n, device="cuda"): ...'),
        ('def f(n, *, k=1, device: str = "cpu"): ...', 'def f(n, *, k=1, device: str = "cuda"): ...'),
        ('kw = {"device": "cpu", "n": 2}', 'kw = {"device": "cuda", "n": 2}'),
        ('torch.set_default_device("cpu")', 'torch.set_default_device("cuda")'),
        ("y = x.cpu()", "y = x.cuda()"),
        ("y = f(x).cpu() + z[0].cpu()", "y = f(x).cuda() + z[0].cuda()"),
        ("y = (x\n     .cpu())", "y = (x\n     .cuda())"),
        ("é = 'é'; y = x.cpu()  # é", "é = 'é'; y = x.cuda()  # é"),
        ("x = u'cpu'; device = u'cpu'", "x = u'cpu'; device = u'cuda'"),
        ("a = 1\r\ndevice = 'cpu'\r\nb = 2\r\n", "a = 1\r\ndevice = 'cuda'\r\nb = 2\r\n"),
        ("a = 1\x0c\ndevice = 'cpu'\n", "a = 1\x0c\ndevice = 'cuda'\n"),
    ],
)  # fmt: skip
def test_a_device_is_converted_in_every_layout(cpu: str, gpu: str) -> None:
    assert convert_source(cpu, "gpu") == gpu
    assert convert_source(cpu, "npu") == gpu.replace("cuda", "npu")
    assert convert_source(cpu, "cpu") == cpu
    assert convert_source(gpu, "gpu") == gpu


@pytest.mark.parametrize(
    "text",
    [
        "# device='cpu' and x.cpu() in a comment",
        "x = 1  # device='cpu'",
        '"""Runs with device="cpu"; call x.cpu() or x.to("cpu")."""',
        "note = 'pass device=\"cpu\" or x.cpu()'",
        "if device == 'cpu': pass",
        "name = 'cpu'",
        "device = 'cuda' if torch.cuda.is_available() else 'cpu'",
        "y = x.cpu().numpy()",
        "y = x.cpu().tolist()",
        "n = os.cpu(1)",
        "n = os.cpu_count()",
        "f = x.cpu",
        "x = x.to('cpu' + suffix)",
        "device = 'c' 'pu'",
        "device = f'cpu{n}'",
        "t = f\"{x.to('cpu')} {y.cpu()}\"",
        "device_name = 'cpu'",
        "move('cpu'); to('cpu')",
        "device = 'cpu' def broken(",
        "device = 'cpu'\0",
    ],
)
def test_text_that_only_mentions_a_device_or_chooses_one_stays_as_it_is(text: str) -> None:
    assert convert_source(text, "gpu") == text


def test_an_unknown_backend_is_an_error() -> None:
    with pytest.raises(ConfigError, match="unknown backend 'gpus'; did you mean 'gpu'"):
        convert_source("x", "gpus")


prose = st.lists(st.sampled_from([*"abc \n'#.=()éß", "cpu", ".cpu()", "device=", '.to("cpu")', "'cpu'"]), max_size=30).map("".join)


@given(prose, prose)
def test_any_text_and_comment_survives(text: str, comment: str) -> None:
    line = " ".join(comment.split("\n"))
    source = f"s = {text!r}  # {line}\nd = x.cpu()  # {line}\n"
    converted = convert_source(source, "gpu")
    assert converted == f"s = {text!r}  # {line}\nd = x.cuda()  # {line}\n"


@given(st.text(max_size=200))
def test_any_source_is_converted_without_error_and_stays_as_valid_as_it_was(source: str) -> None:
    converted = convert_source("device = 'cpu'\n" + source, "gpu")
    try:
        ast.parse("device = 'cpu'\n" + source)
    except (SyntaxError, ValueError):
        assert converted == "device = 'cpu'\n" + source
    else:
        assert converted == "device = 'cuda'\n" + source or ast.parse(converted)
