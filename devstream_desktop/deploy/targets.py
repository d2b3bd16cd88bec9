"""What this executor can run: targets.toml in its home, written by its operator and never by a request.

    [target.shop.production]
    run = ["./deploy.sh"]                     # fixed arguments, no shell; the commit comes in environment variables

Every mistake is refused with file, line, reason and what is allowed, because a target that is half understood must not run.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import msgspec

from devstream_desktop import git_address, machine
from devstream_desktop.deploy.request import NAME, REF_RULE, is_ref
from devstream_desktop.errors import DevstreamError
from devstream_desktop.stream.text import clean, short_ref
from devstream_desktop.toml_lines import line_of

DEFAULT_TIMEOUT_S = 1800.0
MAX_TIMEOUT_S = 86_400.0
DEFAULT_PASS_ENV = ("PATH", "HOME", "LANG", "LC_ALL", "SSH_AUTH_SOCK")
_NAME_RULE = "letters, digits and . _ - are allowed, up to 40"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.+|[^/\\:]{2,}:.+")
"""A URL or scp's `host:path`; anything else is a path (one letter and a colon is a Windows drive)."""
_LINE = re.compile(r"at line (\d+)")


class TargetsError(DevstreamError):
    """targets.toml cannot be used; the message names the line, the reason and what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One thing that can be deployed, to one environment, in the way its operator fixed."""

    name: str
    environment: str
    run: tuple[str, ...]
    cwd: Path
    timeout_s: float = DEFAULT_TIMEOUT_S
    ref: str = "main"
    """The branch that is offered first."""
    refs: tuple[str, ...] = ()
    """Globs, `*` crossing `/`, one of which a ref must match; empty allows every ref."""
    description: str = ""
    repository: str = ""
    """Where the judge looks up what a ref is now; empty: the requester's commit is taken as it is."""
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    pass_env: tuple[str, ...] = DEFAULT_PASS_ENV

    def allows(self, ref: str) -> bool:
        """Whether `ref` (with or without `refs/heads/`) is one that may be deployed here."""
        return not self.refs or any(fnmatchcase(short_ref(ref), pattern) for pattern in self.refs)


Targets = Mapping[tuple[str, str], Target]
"""By (target, environment)."""

_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "run": 'a list of strings, the program first: ["./deploy.sh"]',
        "cwd": "the path of a folder that exists",
        "timeout_s": f"a number of seconds, above 0 and up to {MAX_TIMEOUT_S:.0f}",
        "ref": f"the name of a branch or tag: {REF_RULE}",
        "refs": 'a list of globs: ["main", "release/*"]',
        "description": "text",
        "repository": "a path, or a URL without a secret in it",
        "env": 'text by name: {NAME = "value"}, no name starting with DEVSTREAM_',
        "pass_env": 'a list of names of environment variables: ["PATH"]',
    }
)
_T = TypeVar("_T")


def load_targets(path: Path) -> Targets:
    """The targets in the file `path`; none when there is no such file.

    Raises:
        TargetsError: it cannot be read, or holds a mistake.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return MappingProxyType({})
    except (OSError, UnicodeDecodeError) as error:
        why = machine.reason(error) if isinstance(error, OSError) else error.reason
        raise TargetsError(f"{path.name} cannot be read: {why}; it must be a UTF-8 file that the node's user can read") from error
    return parse_targets(text, path)


def parse_targets(text: str, path: Path) -> Targets:
    """The targets in `text`, which is the content of `path`: relative folders start beside it.

    Raises:
        TargetsError: it holds a mistake.

    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        line = _LINE.search(str(error))
        number = int(line[1]) if line else text.count("\n") + 1
        raise TargetsError(f"{path.name} line {number}: this is not TOML: {clean(str(error), 200)}; see the example targets.toml") from None
    targets: dict[tuple[str, str], Target] = {}
    for key in document:
        if key != "target":
            raise _mistake(text, path, (key,), f"unknown table {clean(key, 40)!r}; allowed are tables [target.NAME.ENVIRONMENT]")
    for name, environments in _table(document.get("target", {}), text, path, ("target",)).items():
        _check_name(name, "target", text, path, ("target", name))
        for environment, table in _table(environments, text, path, ("target", name)).items():
            keys = ("target", name, environment)
            _check_name(environment, "environment", text, path, keys)
            targets[name, environment] = _Reader(text, path, keys, _table(table, text, path, keys)).target()
    return MappingProxyType(targets)


class _Reader:
    """Reads one `[target.NAME.ENVIRONMENT]` table."""

    def __init__(self, text: str, path: Path, keys: tuple[str, ...], table: dict[str, object]) -> None:
        self._text = text
        self._path = path
        self._keys = keys
        self._table = table

    def target(self) -> Target:
        for key in self._table:
            if key not in _KEYS:
                raise _mistake(
                    self._text, self._path, (*self._keys, key), f"unknown key {clean(key, 40)!r}; allowed are {', '.join(_KEYS)}"
                )
        run = tuple(self._get("run", list[str], []))
        self._require(bool(run and run[0]) and not any("\0" in word for word in run), "run")
        folder = self._path.parent
        cwd = folder / Path(self._get("cwd", str, ".")).expanduser()
        self._require("\0" not in str(cwd) and cwd.is_dir(), "cwd")
        timeout_s = self._get("timeout_s", float, DEFAULT_TIMEOUT_S)
        self._require(0 < timeout_s <= MAX_TIMEOUT_S, "timeout_s")
        refs = tuple(self._get("refs", list[str], []))
        self._require(("refs" not in self._table or bool(refs)) and all(refs), "refs")
        env = self._get("env", dict[str, str], {})
        self._require(all(_is_fixed(name, value) for name, value in env.items()), "env")
        pass_env = tuple(self._get("pass_env", list[str], list(DEFAULT_PASS_ENV)))
        self._require(all(_VARIABLE.fullmatch(name) for name in pass_env), "pass_env")
        target = Target(
            name=self._keys[1],
            environment=self._keys[2],
            run=run,
            cwd=cwd.resolve(),
            timeout_s=timeout_s,
            ref=self._get("ref", str, "main"),
            refs=refs,
            description=clean(self._get("description", str, "")),
            repository=self._repository(folder),
            env=MappingProxyType(env),
            pass_env=pass_env,
        )
        self._require(is_ref(target.ref), "ref")
        if not target.allows(target.ref):
            # Without this the offered branch would be refused, by a default that nobody wrote.
            raise self._error(
                "refs" if "ref" not in self._table else "ref",
                f"ref is {target.ref!r} (main unless given), which refs does not allow; name one that it allows",
            )
        return target

    def _repository(self, folder: Path) -> str:
        given = self._get("repository", str, "")
        if "repository" not in self._table:
            return ""
        self._require(bool(given) and "\0" not in given and not given.startswith("-"), "repository")
        if secret := git_address.secret_in(given):
            raise self._error("repository", f"repository holds {secret}; {git_address.ADVICE}")
        return given if _ADDRESS.fullmatch(given) else str((folder / Path(given).expanduser()).resolve())

    def _get(self, key: str, kind: type[_T], default: _T) -> _T:
        if key not in self._table:
            return default
        try:
            return msgspec.convert(self._table[key], type=kind)
        except msgspec.ValidationError:
            raise self._wrong(key) from None

    def _require(self, good: bool, key: str) -> None:
        if not good:
            raise self._wrong(key)

    def _wrong(self, key: str) -> TargetsError:
        if key in self._table:
            return self._error(key, f"{key} must be {_KEYS[key]}")
        return self._error("", f"{key} is missing; it must be {_KEYS[key]}")

    def _error(self, key: str, reason: str) -> TargetsError:
        return _mistake(
            self._text, self._path, (*self._keys, key) if key else self._keys, f"target {self._keys[1]} {self._keys[2]}: {reason}"
        )


def _is_fixed(name: str, value: str) -> bool:
    return _VARIABLE.fullmatch(name) is not None and not name.startswith("DEVSTREAM_") and "\0" not in value


def _table(value: object, text: str, path: Path, keys: tuple[str, ...]) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    raise _mistake(text, path, keys, f"{clean('.'.join(keys), 80)} must be a table; targets are written [target.NAME.ENVIRONMENT]")


def _check_name(name: str, what: str, text: str, path: Path, keys: tuple[str, ...]) -> None:
    if not NAME.fullmatch(name):
        raise _mistake(text, path, keys, f"{clean(name, 40)!r} is no name for a {what}; {_NAME_RULE}")


def _mistake(text: str, path: Path, keys: tuple[str, ...], reason: str) -> TargetsError:
    return TargetsError(f"{path.name} line {line_of(text, keys)}: {reason}")
