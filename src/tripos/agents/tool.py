"""What a tool is: a plain typed function that a model may call.

The JSON schema comes from the signature and the docstring, so that there is one place to read and to change:

    @tool("power")
    def power(base: float, exponent: int = 2) -> str:
        \"\"\"Raises a number to a power.

        Args:
            base: the number.
            exponent: how often it is multiplied with itself.
        \"\"\"

A parameter of type `Workspace` is not the model's: it gets the sample's own folder. A function may be `async`; one that is
not runs in a thread. It returns text, and raises `ToolError` for what the model should hear and can mend. Whatever else it
raises is our failure: the sample stays unscored and is asked again by the next run.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta

from tripos.agents.workspace import ToolError, Workspace
from tripos.core.errors import ConfigError
from tripos.core.registry import Registry

__all__ = ["Tool", "ToolError", "Workspace", "page", "tool", "tools"]

SECONDS = 60.0
PAGE = 16_000  # characters of a long text that one call gives
_ARGS = re.compile(r"^\s*Args:\s*$", re.MULTILINE)
_SECTION = re.compile(r"^(Returns|Raises|Note|Example)s?:\s*$", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=\.) (?=[A-Z])")
_PARAMETER = re.compile(r"^(\w+):\s+")


@dataclass(frozen=True)
class Tool:
    """A tool as it is registered.

    Attributes:
        version: raise it when results change meaning: it is part of the identity of every trial that may call the tool.
        seconds: limit of one call.
        sandbox: it runs programs, so there must be a sandbox.
        check: raises ConfigError when the tool cannot work here (a key, a package); called before the first sample.
    """

    name: str
    description: str
    arguments: type[msgspec.Struct]
    function: Callable[..., Any]
    workspace: str | None
    version: str = "1"
    seconds: float = SECONDS
    sandbox: bool = False
    check: Callable[[], None] | None = None

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The tool as the OpenAI protocol wants it."""
        parts = msgspec.json.schema_components([self.arguments])[1]
        parameters = {key: value for key, value in parts.pop(self.arguments.__name__).items() if key != "title"}
        if parts:
            parameters["$defs"] = parts
        return {"type": "function", "function": {"name": self.name, "description": self.description, "parameters": parameters}}

    @property
    def summary(self) -> str:
        """The first sentence of the description."""
        return _SENTENCE.split(" ".join(self.description.split()))[0]

    def identity(self) -> dict[str, Any]:
        """What of the tool changes an answer."""
        return {"version": self.version, "schema": self.schema}

    def read(self, arguments: str) -> dict[str, Any]:
        """The arguments as the model wrote them, checked against the schema. Numbers in quotes are numbers.

        Raises:
            ToolError: they are not JSON, or do not fit.
        """
        try:
            found = msgspec.json.decode(arguments.strip() or "{}", type=self.arguments, strict=False)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            wanted = msgspec.json.encode(self.schema["function"]["parameters"]).decode()
            raise ToolError(
                f"the arguments of {self.name} are wrong: {error}. They must be a JSON object of this schema: {wanted}"
            ) from error
        return {name: getattr(found, name) for name in found.__struct_fields__}


tools: Registry[Tool] = Registry("tool", package="tripos.agents.tools", group="tripos.tools")


def tool(
    name: str,
    *,
    version: str = "1",
    seconds: float = SECONDS,
    sandbox: bool = False,
    check: Callable[[], None] | None = None,
) -> Callable[[Callable[..., Any]], Tool]:
    """Registers a function as a tool; see the module and `Tool`.

    Raises:
        ConfigError: a parameter has no type, or the function no docstring.
    """

    def wrap(function: Callable[..., Any]) -> Tool:
        description, said = _docstring(function)
        fields, workspace = _fields(name, function, said)
        arguments = msgspec.defstruct(name, fields, forbid_unknown_fields=True, kw_only=True)
        return Tool(name, description, arguments, function, workspace, version, seconds, sandbox, check)

    return tools.decorate(name, wrap)


def page(text: str, offset: int, what: str) -> str:
    """The page of a long text that begins at `offset`; its end tells the model where the next one begins.

    Raises:
        ToolError: the offset is outside of `what`.
    """
    if offset < 0 or (offset and offset >= len(text)):
        raise ToolError(f"{what} has {len(text)} characters; offset {offset} is outside")
    end = offset + PAGE
    more = f"\n[characters {offset} to {end} of {len(text)}; go on with offset {end}]" if end < len(text) else ""
    return text[offset:end] + more


def _fields(name: str, function: Callable[..., Any], said: dict[str, str]) -> tuple[list[Any], str | None]:
    """(fields of the arguments, name of the parameter that gets the workspace)."""
    hints = get_type_hints(function, include_extras=True)
    fields: list[Any] = []
    workspace = None
    for parameter in inspect.signature(function).parameters.values():
        kind = hints.get(parameter.name)
        if kind is None:
            raise ConfigError(f"tool {name!r}: the parameter {parameter.name!r} of {function.__qualname__} has no type")
        if kind is Workspace:
            workspace = parameter.name
            continue
        described = Annotated[kind, Meta(description=said[parameter.name])] if parameter.name in said else kind
        default = () if parameter.default is inspect.Parameter.empty else (parameter.default,)
        fields.append((parameter.name, described, *default))
    return fields, workspace


def _docstring(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """(what the function does, what each parameter means)."""
    text = inspect.getdoc(function) or ""
    head, *rest = _ARGS.split(text, maxsplit=1)
    description = _SECTION.split(head)[0].strip()
    if not description:
        raise ConfigError(f"the tool {function.__qualname__} has no docstring: the model would not know what it is for")
    said: dict[str, str] = {}
    name = None
    for line in inspect.cleandoc(_SECTION.split(rest[0])[0]).splitlines() if rest else ():
        start = _PARAMETER.match(line)
        if start is not None:
            name = start[1]
            said[name] = line[start.end() :].strip()
        elif name is not None and line.strip():
            said[name] += " " + line.strip()
    return description, said
