"""The twelve tools of ToolCall-15: names, parameters and defaults are the benchmark's, the descriptions are ours."""

from __future__ import annotations

from tripos.core.records import JSON

_TEXT: dict[str, JSON] = {"type": "string"}
_TEXTS: dict[str, JSON] = {"type": "array", "items": {"type": "string"}, "default": []}

_TOOLS: dict[str, tuple[str, dict[str, dict[str, JSON]]]] = {
    "web_search": ("look something up on the web", {"query": _TEXT, "max_results": {"type": "integer", "default": 5}}),
    "get_weather": (
        "the weather at a place at this moment",
        {"location": _TEXT, "units": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"}},
    ),
    "calculator": ("the value of an arithmetic expression", {"expression": _TEXT}),
    "send_email": ("send a message to an e-mail address", {"to": _TEXT, "subject": _TEXT, "body": _TEXT, "attachments": _TEXTS}),
    "search_files": (
        "files whose name or content fits",
        {"query": _TEXT, "file_type": {"type": "string", "enum": ["pdf", "docx", "xlsx", "any"], "default": "any"}},
    ),
    "read_file": ("the content of the file with this identifier", {"file_id": _TEXT}),
    "create_calendar_event": (
        "put an event into the calendar; date as YYYY-MM-DD, time as HH:MM",
        {"title": _TEXT, "date": _TEXT, "time": _TEXT, "duration_minutes": {"type": "integer", "default": 60}, "attendees": _TEXTS},
    ),
    "get_contacts": ("people in the address book, by name or group", {"query": _TEXT}),
    "translate_text": (
        "translate a text; languages by their English names",
        {"text": _TEXT, "source_language": _TEXT, "target_language": _TEXT},
    ),
    "get_stock_price": ("the price of a share at this moment", {"ticker": _TEXT}),
    "set_reminder": ("remind the user later; datetime in ISO 8601", {"message": _TEXT, "datetime": _TEXT}),
    "run_code": ("run a short program", {"language": {"type": "string", "enum": ["python", "javascript"]}, "code": _TEXT}),
}

NAMES = tuple(_TOOLS)


def schemas() -> list[dict[str, JSON]]:
    """The tools as the OpenAI protocol wants them."""
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": description,
                "parameters": {
                    "type": "object",
                    "properties": parameters,
                    "required": [key for key, kind in parameters.items() if "default" not in kind],
                    "additionalProperties": False,
                },
            },
        }
        for name, (description, parameters) in _TOOLS.items()
    ]


def listing() -> str:
    """The tools as one line each, for models that are asked in text."""
    return "\n".join(
        f"- {name}({', '.join(_parameter(key, kind) for key, kind in parameters.items())}): {description}"
        for name, (description, parameters) in _TOOLS.items()
    )


def _parameter(name: str, kind: dict[str, JSON]) -> str:
    words = {"string": "text", "integer": "whole number", "array": "list of texts"}[kind["type"]]
    allowed = " | ".join(f'"{value}"' for value in kind["enum"]) if "enum" in kind else words
    default = f" = {_shown(kind['default'])}" if "default" in kind else ""
    return f"{name}: {allowed}{default}"


def _shown(value: JSON) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
