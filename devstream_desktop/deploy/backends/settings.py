"""The tables of targets.toml that a back end has, `[target.NAME.ENVIRONMENT.BACKEND]`.

A credential is the name of a secret (`devstream secret set NAME`), never its value. A text that is
sent may have `{request}`, `{sha}`, `{ref}`, `{environment}`, `{target}`, `{person}`, `{action}` and
`{param.NAME}` in it.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from devstream_desktop import git_address

_ADDRESS = "an address without a secret in it: https://ci.example.com"
Address = Annotated[
    str, Meta(pattern=r"\Ahttps?://[^\s\0#]+\Z", max_length=500, description=_ADDRESS)
]
Secret = Annotated[
    str,
    Meta(
        pattern=r"\A(?!DEVSTREAM_)[A-Za-z_][A-Za-z0-9_]{0,63}\Z",
        description="the name of a secret: devstream secret set NAME",
    ),
]
_Line = Annotated[str, Meta(pattern=r"\A[^\0\r\n]+\Z", description="one line of text")]
_Texts = Annotated[
    dict[_Line, _Line], Meta(description='texts by name: {SHA = "{sha}"}', max_length=50)
]
_Label = r"[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?"


class _Table(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The common part of the tables."""

    def secret_names(self) -> tuple[str, ...]:
        """Return the secrets that this back end needs."""
        return ()

    def addresses(self) -> tuple[tuple[str, str], ...]:
        """Return the addresses by their keys."""
        return ()


class Webhook(_Table, frozen=True, kw_only=True):
    """A service of one's own that deploys, polled for the state."""

    url: Address
    secret: Secret = ""
    """Signs each request as Standard Webhooks say; empty: it is not signed."""
    status_url: Address | Literal[""] = ""
    """The address to ask, `{request}` in it; empty: the answer to the request names it."""
    callback: Address | Literal[""] = ""
    """The address of this node's intake, as the service reaches it; it may then tell the end."""
    idempotent: bool = False
    """It starts one run per Idempotency-Key, so a request can be repeated."""

    def secret_names(self) -> tuple[str, ...]:
        """Return the signing key's name."""
        return (self.secret,) if self.secret else ()

    def addresses(self) -> tuple[tuple[str, str], ...]:
        """Return its addresses."""
        return (("url", self.url), ("status_url", self.status_url), ("callback", self.callback))


class Github(_Table, frozen=True, kw_only=True):
    """GitHub's deployments, or one of its workflows."""

    repository: Annotated[
        str, Meta(pattern=r"\A[\w.-]+/[\w.-]+\Z", description="OWNER/NAME: acme/shop")
    ]
    token: Secret
    workflow: Annotated[
        str, Meta(pattern=r"\A[\w.-]*\Z", description="the file of a workflow: deploy.yml")
    ] = ""
    """Dispatched with `inputs`; empty: a deployment is made, and somebody else acts on it."""
    inputs: _Texts = msgspec.field(default_factory=lambda: {"devstream_request": "{request}"})
    environment: str = ""
    """Its name at GitHub; empty: the target's."""
    api: Address = "https://api.github.com"

    def secret_names(self) -> tuple[str, ...]:
        """Return the token's name."""
        return (self.token,)

    def addresses(self) -> tuple[tuple[str, str], ...]:
        """Return the API's address."""
        return (("api", self.api),)


class Gitlab(_Table, frozen=True, kw_only=True):
    """A pipeline of a GitLab project."""

    project: Annotated[
        str, Meta(pattern=r"\A[\w./-]+\Z", description="the path or number: acme/shop")
    ]
    token: Secret
    variables: _Texts = msgspec.field(default_factory=dict)
    """Beside DEVSTREAM_REQUEST, which finds the pipeline again."""
    url: Address = "https://gitlab.com"

    def secret_names(self) -> tuple[str, ...]:
        """Return the token's name."""
        return (self.token,)

    def addresses(self) -> tuple[tuple[str, str], ...]:
        """Return the server's address."""
        return (("url", self.url),)


class Jenkins(_Table, frozen=True, kw_only=True):
    """A parameterized job of a Jenkins server."""

    url: Annotated[
        str,
        Meta(
            pattern=r"\Ahttps?://[^\s\0?#]+/job/[^\s\0?#]+\Z",
            max_length=500,
            description="the address of a job: https://ci.example.com/job/shop",
        ),
    ]
    user: _Line
    token: Secret
    parameters: _Texts = msgspec.field(default_factory=lambda: {"SHA": "{sha}", "REF": "{ref}"})
    """Beside DEVSTREAM_REQUEST, which the job must declare: it finds the build again."""

    def secret_names(self) -> tuple[str, ...]:
        """Return the token's name."""
        return (self.token,)

    def addresses(self) -> tuple[tuple[str, str], ...]:
        """Return the job's address."""
        return (("url", self.url),)


class Argocd(_Table, frozen=True, kw_only=True):
    """An application that Argo CD syncs to the commit."""

    url: Address
    application: Annotated[
        str, Meta(pattern=rf"\A{_Label}\Z", description="the name of an application: shop")
    ]
    token: Secret
    prune: bool = False

    def secret_names(self) -> tuple[str, ...]:
        """Return the token's name."""
        return (self.token,)

    def addresses(self) -> tuple[tuple[str, str], ...]:
        """Return the server's address."""
        return (("url", self.url),)


class Ssh(_Table, frozen=True, kw_only=True):
    """A fixed command on another host, by this system's OpenSSH."""

    host: Annotated[
        str, Meta(pattern=r"\A[A-Za-z0-9][\w.:-]{0,250}\Z", description="a host name or address")
    ]
    user: Annotated[
        str, Meta(pattern=r"\A[A-Za-z_][\w.-]{0,63}\Z", description="a user of that host")
    ]
    command: _Line
    """Read by that user's shell; what to deploy is in its environment."""
    host_key: Annotated[
        str,
        Meta(
            pattern=r"\A[a-z0-9@.-]{1,64} [A-Za-z0-9+/]{16,4000}={0,3}\Z",
            description="type and key, as ssh-keyscan prints them: ssh-ed25519 AAAA…",
        ),
    ]
    """The only key that is taken for that host's."""
    port: Annotated[int, Meta(ge=1, le=65535, description="a port: 22")] = 22
    key: Secret | Literal[""] = ""
    """The secret with the private key; empty: the keys of the node's agent and user."""

    def secret_names(self) -> tuple[str, ...]:
        """Return the private key's name."""
        return (self.key,) if self.key else ()


class Kubernetes(_Table, frozen=True, kw_only=True):
    """A new image for one workload of a cluster, by kubectl."""

    namespace: Annotated[
        str, Meta(pattern=rf"\A{_Label}\Z", description="the name of a namespace: shop")
    ]
    workload: Annotated[
        str,
        Meta(
            pattern=rf"\A(deployment|statefulset|daemonset)/{_Label}\Z",
            description="deployment/NAME, statefulset/NAME or daemonset/NAME",
        ),
    ]
    container: Annotated[
        str, Meta(pattern=rf"\A{_Label}\Z", description="the name of a container: app")
    ]
    image: Annotated[
        str,
        Meta(
            pattern=r"\A[A-Za-z0-9][\w./:@{}-]{0,400}\Z",
            description='an image with {sha} in it: "registry.example.com/shop:{sha}"',
        ),
    ]
    kubeconfig: Secret | Literal[""] = ""
    """The secret with the configuration of kubectl; empty: the one of the node's user."""
    context: Annotated[
        str, Meta(pattern=r"\A(?!-)[^\0\s]{0,250}\Z", description="the name of a context")
    ] = ""

    def secret_names(self) -> tuple[str, ...]:
        """Return the configuration's name."""
        return (self.kubeconfig,) if self.kubeconfig else ()


class Forge(_Table, frozen=True, kw_only=True):
    """The forge that is asked for checks of a commit; no back end, and beside every one."""

    kind: Annotated[
        Literal["github", "gitlab", "gitea"], Meta(description="github, gitlab or gitea")
    ]
    """Forgejo is a gitea."""
    repository: Annotated[
        str,
        Meta(
            pattern=r"\A(?!(.*/)?\.{1,2}(/|\Z))[\w.-]+(/[\w.-]+)*\Z",
            max_length=250,
            description="OWNER/NAME, or at GitLab a path or number: acme/shop",
        ),
    ]
    token: Secret
    url: Address | Literal[""] = ""
    """The server; of a GitHub of one's own it ends with /api/v3."""

    @property
    def title(self) -> str:
        """Its name for a person."""
        return {"github": "GitHub", "gitlab": "GitLab", "gitea": "Gitea"}[self.kind]

    @property
    def address(self) -> str:
        """The server, without a slash at its end."""
        public = {"github": "https://api.github.com", "gitlab": "https://gitlab.com"}
        return (self.url or public.get(self.kind, "")).rstrip("/")

    def secret_names(self) -> tuple[str, ...]:
        """Return the token's name."""
        return (self.token,)

    def addresses(self) -> tuple[tuple[str, str], ...]:
        """Return the server's address."""
        return (("url", self.url),)


Settings = Webhook | Github | Gitlab | Jenkins | Argocd | Ssh | Kubernetes


def table_mistake(settings: Settings | Forge) -> tuple[str, str]:
    """Find what a type cannot say: the key, and what is wrong; both empty when nothing is."""
    for key, address in settings.addresses():
        try:
            urlsplit(address)
        except ValueError:
            return key, f"{key} must be {_ADDRESS}"
        if "@" in address.partition("://")[2].partition("/")[0] or (
            key != "status_url" and git_address.secret_in(address)
        ):
            return key, f"{key} holds a user name, a password or a query; name a secret instead"
    if isinstance(settings, Kubernetes) and "{sha}" not in settings.image:
        return "image", 'image must have {sha} in it, so that each commit has its own: "shop:{sha}"'
    # Whoever finds the port would end every deploy.
    if isinstance(settings, Webhook) and settings.callback and not settings.secret:
        return "callback", "callback needs a secret, with which the service signs what it tells"
    if isinstance(settings, Forge):
        if not settings.address:
            return "url", "url is missing; it must be the address of the Gitea or Forgejo server"
        if settings.kind != "gitlab" and settings.repository.count("/") != 1:
            return "repository", "repository must be OWNER/NAME: acme/shop"
    return "", ""
