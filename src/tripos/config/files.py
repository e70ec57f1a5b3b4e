"""Where suite files are: on the user's disk, or shipped with the package."""

from __future__ import annotations

from pathlib import Path

from tripos.core.errors import ConfigError, nearest

_SHIPPED = Path(__file__).parent / "shipped"


def shipped_names() -> list[str]:
    """Names of the suites that come with the package, without `.toml`."""
    return sorted(path.stem for path in _SHIPPED.glob("*.toml"))


def shipped(name: str) -> Path:
    """The file of a shipped suite, with or without `.toml`.

    Raises:
        ConfigError: no suite of that name is shipped.
    """
    stem = name.removesuffix(".toml")
    if stem not in shipped_names():
        guess = nearest(stem, shipped_names())
        advice = f"did you mean {guess!r}?" if guess else "shipped suites are:"
        raise ConfigError(f"no suite file {name!r}; {advice}" + ("" if guess else f" {', '.join(shipped_names())}"))
    return _SHIPPED / f"{stem}.toml"


def at_home(path: str) -> Path:
    """The path with `~` replaced; as it is where there is no such home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def resolve(config: str) -> Path:
    """What the user means by `--config`: an existing file, else a shipped suite by its bare name.

    Raises:
        ConfigError: neither exists, or it is a directory.
    """
    path = at_home(config)
    try:
        found, directory = path.exists(), path.is_dir()
    except (OSError, ValueError) as error:  # too long, or with a NUL character
        raise ConfigError(f"{config[:60]!r} is not the name of a file") from error
    if not config:
        raise ConfigError(f"--config is empty; name a suite file, or a shipped suite: {', '.join(shipped_names())}")
    if found and not directory:
        return path
    if directory and config.removesuffix(".toml") not in shipped_names():
        raise ConfigError(f"{config!r} is a directory; name a suite file in it")
    return shipped(config)
