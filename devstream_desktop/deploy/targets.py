"""The targets of this executor.

They are in targets.toml in its home, written by its operator and never by a request.

    [target.shop.production]
    run = ["./deploy.sh"]    # fixed arguments, no shell; the commit is in the environment

Every mistake is refused with file, line, reason and what is allowed, because a target that is half
understood must not run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from devstream_desktop import git_address
from devstream_desktop.config import FieldError, TomlFile, as_table, read_text, typed
from devstream_desktop.deploy.backends.settings import (
    Argocd,
    Forge,
    Github,
    Gitlab,
    Jenkins,
    Kubernetes,
    Settings,
    Ssh,
    Webhook,
    table_mistake,
)
from devstream_desktop.deploy.parameters import Parameter, mistake_in
from devstream_desktop.deploy.request import NAME, REF_RULE, is_ref
from devstream_desktop.deploy.windows import DAYS, Windows, dated, windows
from devstream_desktop.errors import DevstreamError
from devstream_desktop.stream.text import clean, short_ref
from devstream_desktop.stream.words import Role

DEFAULT_TIMEOUT_S = 1800.0
MAX_TIMEOUT_S = 86_400.0
DEFAULT_CHECK_AGE_S = 7 * 86_400.0
APPROVER_ROLES = (Role.APPROVER.value, Role.DEPLOYER.value, Role.ADMIN.value)
MAX_APPROVALS = 5
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


BackendName = Literal[
    "shell", "webhook", "github", "gitlab", "jenkins", "argocd", "ssh", "kubernetes"
]
_RUN = 'a list of strings, the program first: ["./deploy.sh"]'


class Target(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One target in one environment, and the way to deploy it."""

    name: str
    environment: str
    backend: Annotated[
        BackendName, Meta(description="one of " + ", ".join(get_args(BackendName)))
    ] = "shell"
    run: Annotated[tuple[_Word, ...], Meta(min_length=1, description=_RUN)] = ()
    """The program of the back end shell, which it must name."""
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
    parameters: Annotated[
        dict[str, Parameter],
        Meta(description='tables by name: {size = {type = "choice", choices = ["s", "m"]}}'),
    ] = msgspec.field(default_factory=dict)
    checks: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(description='a list of names of checks, with *: ["integration", "ci/*"]'),
    ] = ()
    """Builds and tests that a commit must have passed."""
    check_age_s: Annotated[float, Meta(gt=0, description="a number of seconds, above 0")] = (
        DEFAULT_CHECK_AGE_S
    )
    """Age up to which a passed check counts."""
    forge: Forge | None = None
    """Asked for checks that the stream does not tell as passed."""
    order: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(description='a list of environments: ["staging"]'),
    ] = ()
    """Environments where a commit must have been deployed first."""
    approvals: Annotated[
        int, Meta(ge=0, le=MAX_APPROVALS, description=f"a number up to {MAX_APPROVALS}")
    ] = 0
    """Persons beside the asker who must approve."""
    approvers: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description=f"a list of roles: {', '.join(APPROVER_ROLES)}"),
    ] = (Role.APPROVER.value,)
    hours: Annotated[str, Meta(description='a time of day: "09:00-17:00"')] = ""
    days: Annotated[
        tuple[str, ...], Meta(min_length=1, description=f"a list of {', '.join(DAYS)}")
    ] = DAYS
    timezone: Annotated[str, Meta(description='the name of a time zone: "Europe/Berlin"')] = ""
    freeze: Annotated[
        tuple[dict[str, str], ...],
        Meta(description='a list of {from = DATE, until = DATE, why = "…"}'),
    ] = ()
    type_to_confirm: bool = True
    """Whoever deploys types the name of the environment."""
    dry_run: Annotated[
        tuple[_Word, ...], Meta(description='a list of strings: ["./deploy.sh", "--dry-run"]')
    ] = ()
    """The program that tries a deploy without effect."""
    rollback_locks: bool = True
    """A rollback locks the environment; nobody deploys the fault again unaware."""

    secrets: Annotated[
        tuple[_Fixed, ...],
        Meta(description='a list of names of secrets, none starting with DEVSTREAM_: ["TOKEN"]'),
    ] = ()
    """Names in the sealed store; a program gets them as environment variables."""
    output: Annotated[Literal["team", "deployers"], Meta(description='"team" or "deployers"')] = (
        "team"
    )
    """The persons who may read what it prints: all of the team, or who deploys and approves."""
    webhook: Webhook | None = None
    github: Github | None = None
    gitlab: Gitlab | None = None
    jenkins: Jenkins | None = None
    argocd: Argocd | None = None
    ssh: Ssh | None = None
    kubernetes: Kubernetes | None = None

    def settings(self) -> Settings | None:
        """Return the table of the back end; the shell has none."""
        tables = (self.webhook, self.github, self.gitlab, self.jenkins, self.argocd)
        found = (one for one in (*tables, self.ssh, self.kubernetes) if one is not None)
        return next(found, None)

    def secret_names(self) -> tuple[str, ...]:
        """Return the names of every secret that a run needs."""
        settings = self.settings()
        return (*self.secrets, *(settings.secret_names() if settings is not None else ()))

    def all_secret_names(self) -> tuple[str, ...]:
        """Return the names of every secret that a deploy needs."""
        return (*self.secret_names(), *(self.forge.secret_names() if self.forge else ()))

    def allows(self, ref: str) -> bool:
        """Tell whether `ref`, with or without `refs/heads/`, may be deployed here."""
        return not self.refs or any(fnmatchcase(short_ref(ref), glob) for glob in self.refs)

    @property
    def runs_a_ref(self) -> bool:
        """Tell whether the back end runs a ref, whatever that is at."""
        return self.gitlab is not None or (self.github is not None and bool(self.github.workflow))

    @property
    def approver_roles(self) -> tuple[Role, ...]:
        """The roles whose persons may approve."""
        return tuple(Role(name) for name in self.approvers)


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
                written = dated(as_table(table, _FORM, *keys))
                with file.table(*keys, name=f"target {name} {environment}"):
                    _check_parameters(written)
                    target = typed(written, Target, name=name, environment=environment)
                    _check(target, written)
                    targets[name, environment] = _resolved(target, path.parent)
    with file.table():
        _check_order(targets)
    return MappingProxyType(targets)


def windows_of(target: Target) -> Windows:
    """Return the hours in which a target takes deploys.

    Raises:
        FieldError: they cannot be understood.

    """
    if not (target.hours or target.freeze or target.days != DAYS):
        return Windows()
    return windows(target.timezone, target.hours, target.days, target.freeze)


def _check_parameters(written: Mapping[str, object]) -> None:
    """Check each declared parameter for itself, so that a mistake names it.

    Raises:
        FieldError: one has a mistake.

    """
    form = "[target.NAME.ENVIRONMENT.parameters]"
    declared = {}
    for name, table in as_table(written.get("parameters", {}), form, "parameters").items():
        try:
            declared[name] = typed(table, Parameter)
        except FieldError as wrong:
            message = f"parameter {clean(name, 40)}: {wrong}"
            raise FieldError(message, "parameters", name) from None
    if mistake := mistake_in(declared):
        raise FieldError(mistake, "parameters")


def _check_order(targets: Targets) -> None:
    """Check that no environment comes before itself.

    Raises:
        FieldError: one does.

    """
    for (name, environment), target in targets.items():
        for before in target.order:
            if before == environment or environment in _order_of(targets, name, before):
                keys = ("target", name, environment, "order")
                raise FieldError(f"{environment} would have to be deployed before itself", *keys)


def _order_of(targets: Targets, name: str, environment: str) -> tuple[str, ...]:
    """Return all environments that come before one, directly or not."""
    seen: dict[str, None] = {}
    left = [environment]
    while left:
        target = targets.get((name, left.pop()))
        new = [one for one in (target.order if target else ()) if one not in seen]
        seen.update(dict.fromkeys(new))
        left += new
    return tuple(seen)


def _check(target: Target, written: Mapping[str, object]) -> None:
    """Check what a type cannot say.

    Raises:
        FieldError: a ref cannot be deployed, the repository's URL has a secret, or a table of
            the back end or the forge is missing or wrong.

    """
    _check_backend(target, written)
    _check_forge(target)
    if not is_ref(target.ref):
        raise FieldError(f"ref must be the name of a branch or tag: {REF_RULE}", "ref")
    if not target.allows(target.ref):
        # Without this the offered branch would be refused, by a default that nobody wrote.
        why = f"ref is {target.ref!r} (main unless given), which refs does not allow"
        key = "ref" if "ref" in written else "refs"
        raise FieldError(f"{why}; name one that it allows", key)
    for role in target.approvers:
        if role not in APPROVER_ROLES:
            allowed = ", ".join(APPROVER_ROLES)
            raise FieldError(
                f"{clean(role, 40)!r} cannot approve; allowed are {allowed}", "approvers"
            )
    if target.dry_run and not target.dry_run[0]:
        raise FieldError("dry_run must be a list of strings, the program first", "dry_run")
    windows_of(target)
    if secret := git_address.secret_in(target.repository):
        raise FieldError(f"repository holds {secret}; {git_address.ADVICE}", "repository")


def _check_backend(target: Target, written: Mapping[str, object]) -> None:
    tables = [name for name in get_args(BackendName) if name in written]
    for name in tables:
        if name != target.backend:
            raise FieldError(f'{name} needs backend = "{name}"', name)
    if target.backend == "shell":
        if not target.run or not target.run[0]:
            what = "run must be" if "run" in written else "run is missing; it must be"
            raise FieldError(f"{what} {_RUN}", *(("run",) if "run" in written else ()))
        return
    if "run" in written:
        raise FieldError(f"run is for the back end shell, and this one is {target.backend}", "run")
    if "dry_run" in written:
        what = f"dry_run is for the back end shell, and this one is {target.backend}"
        raise FieldError(what, "dry_run")
    settings = target.settings()
    if settings is None:
        raise FieldError(f"the table {target.backend} is missing", "backend")
    key, mistake = table_mistake(settings)
    if mistake:
        raise FieldError(mistake, target.backend, key)
    # They become environment variables, of a program that there is not.
    if target.secrets:
        raise FieldError(f"secrets are for the back end shell; {target.backend} names its own")


def _check_forge(target: Target) -> None:
    if target.forge is None:
        return
    key, mistake = table_mistake(target.forge)
    if mistake:
        raise FieldError(mistake, "forge", key)
    if not target.checks:
        raise FieldError('forge is asked for checks, and there are none: checks = ["ci"]', "forge")


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
