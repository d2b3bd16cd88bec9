"""The targets of this executor.

They are in targets.toml in its home, written by its operator and never by a request.

Targets.toml in its home, written by its operator and never by a request.

    [target.shop.production] run = ["./deploy.sh"]                     # fixed arguments, no shell;
    the commit comes in environment variables

Every mistake is refused with file, line, reason and what is allowed, because a target that is half
understood must not run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from devstream_desktop import git_address
from devstream_desktop.config import FieldError, TomlFile, as_table, read_text, typed
from devstream_desktop.deploy.request import NAME, REF_RULE, is_ref
from devstream_desktop.errors import DevstreamError
from devstream_desktop.stream.text import clean, short_ref

DEFAULT_TIMEOUT_S = 1800.0
MAX_TIMEOUT_S = 86_400.0
DEFAULT_PASS_ENV = ("PATH", "HOME", "LANG", "LC_ALL", "SSH_AUTH_SOCK")
_FORM = "tables [target.NAME.ENVIRONMENT]"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.+|[^/\\:]{2,}:.+")
"""A URL or scp's `host:path`; else it is a path (one letter and a colon is a Windows drive)."""
_REPOSITORY = "a path, or a URL without a secret in it"

_Word = Annotated[str, Meta(pattern=r"\A[^\0]*\Z")]
_Variable = Annotated[str, Meta(pattern=r"\A[A-Za-z_][A-Za-z0-9_]*\Z")]
_Fixed = Annotated[str, Meta(pattern=r"\A(?!DEVSTREAM_)[A-Za-z_][A-Za-z0-9_]*\Z")]


class TargetsError(DevstreamError):
    """targets.toml cannot be used; the message names the line, the reason and what is right."""


class Target(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A program that deploys one target to one environment."""

    name: str
    environment: str
    run: Annotated[
        tuple[_Word, ...],
        Meta(min_length=1, description='a list of strings, the program first: ["./deploy.sh"]'),
    ]
    cwd: Annotated[Path, Meta(description="the path of a folder that exists")] = Path()
    timeout_s: Annotated[
        float,
        Meta(
            gt=0,
            le=MAX_TIMEOUT_S,
            description=f"a number of seconds, above 0 and up to {MAX_TIMEOUT_S:.0f}",
        ),
    ] = DEFAULT_TIMEOUT_S
    ref: Annotated[str, Meta(description=f"the name of a branch or tag: {REF_RULE}")] = "main"
    """The branch that is offered first."""
    refs: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(min_length=1, description='a list of globs: ["main", "release/*"]'),
    ] = ()
    """Globs, `*` crossing `/`, one of which a ref must match; empty allows every ref."""
    description: str = ""
    repository: Annotated[str, Meta(pattern=r"\A(?!-)[^\0]+\Z", description=_REPOSITORY)] = ""
    """The repository in which the judge looks up refs. Empty: the commit is taken as it is."""
    env: Annotated[
        dict[_Fixed, _Word],
        Meta(description='text by name: {NAME = "value"}, no name starting with DEVSTREAM_'),
    ] = msgspec.field(default_factory=dict)
    pass_env: Annotated[
        tuple[_Variable, ...],
        Meta(description='a list of names of environment variables: ["PATH"]'),
    ] = DEFAULT_PASS_ENV

    secrets: Annotated[
        tuple[_Fixed, ...],
        Meta(description='a list of names of secrets, none starting with DEVSTREAM_: ["TOKEN"]'),
    ] = ()
    """Names in the sealed store; a program gets them as environment variables."""
    backend: Literal["shell"] = "shell"

    def secret_names(self) -> tuple[str, ...]:
        """Return the names of every secret that a run needs."""
        return self.secrets

    def allows(self, ref: str) -> bool:
        """Tell whether `ref`, with or without `refs/heads/`, may be deployed here."""
        return not self.refs or any(fnmatchcase(short_ref(ref), glob) for glob in self.refs)


Targets = Mapping[tuple[str, str], Target]
"""By (target, environment)."""


def load_targets(path: Path) -> Targets:
    """Read the targets in the file `path`; none when there is no such file.

    Raises:
        TargetsError: it cannot be read, or holds a mistake.

    """
    text = read_text(path, TargetsError)
    return parse_targets(text, path) if text is not None else MappingProxyType({})


def parse_targets(text: str, path: Path) -> Targets:
    """Read the targets in `text`, the content of `path`: relative folders start beside it.

    Raises:
        TargetsError: it holds a mistake.

    """
    # The name alone: a refusal carries the mistake to the person who asked for the deploy.
    file = TomlFile(text, path.name, TargetsError)
    targets: dict[tuple[str, str], Target] = {}
    with file.table():
        for key in file.document:
            if key != "target":
                raise FieldError(f"{clean(key, 40)!r} is unknown; allowed: {_FORM}", key)
        for name, places in as_table(file.document.get("target", {}), _FORM, "target").items():
            _check_name(name, "target", "target", name)
            for environment, table in as_table(places, _FORM, "target", name).items():
                keys = ("target", name, environment)
                _check_name(environment, "environment", *keys)
                written = as_table(table, _FORM, *keys)
                with file.table(*keys, name=f"target {name} {environment}"):
                    target = typed(written, Target, name=name, environment=environment)
                    _check(target, written)
                    targets[name, environment] = _resolved(target, path.parent)
    return MappingProxyType(targets)


def _check(target: Target, written: Mapping[str, object]) -> None:
    """Check what a type cannot say.

    Raises:
        FieldError: a ref cannot be deployed, or the repository's URL has a secret.

    """
    if not target.run[0]:
        raise FieldError("run must be a list of strings, the program first", "run")
    if not is_ref(target.ref):
        raise FieldError(f"ref must be the name of a branch or tag: {REF_RULE}", "ref")
    if not target.allows(target.ref):
        # Without this the offered branch would be refused, by a default that nobody wrote.
        why = f"ref is {target.ref!r} (main unless given), which refs does not allow"
        key = "ref" if "ref" in written else "refs"
        raise FieldError(f"{why}; name one that it allows", key)
    if secret := git_address.secret_in(target.repository):
        raise FieldError(f"repository holds {secret}; {git_address.ADVICE}", "repository")


def _resolved(target: Target, folder: Path) -> Target:
    """Make paths absolute, from `folder`, and the description a line.

    Raises:
        FieldError: there is no such folder.

    """
    cwd = folder / target.cwd.expanduser()
    if not cwd.is_dir():
        raise FieldError("cwd must be the path of a folder that exists", "cwd")
    repository = target.repository
    if repository and not _ADDRESS.fullmatch(repository):
        repository = str((folder / Path(repository).expanduser()).resolve())
    return msgspec.structs.replace(
        target, cwd=cwd.resolve(), description=clean(target.description), repository=repository
    )


def _check_name(name: str, what: str, *keys: str) -> None:
    if not NAME.fullmatch(name):
        rule = "letters, digits and . _ - are allowed, up to 40"
        raise FieldError(f"{clean(name, 40)!r} is no name for a {what}; {rule}", *keys)
