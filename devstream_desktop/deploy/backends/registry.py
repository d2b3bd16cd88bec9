"""Every back end by its name in targets.toml."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from devstream_desktop.deploy.backends.argocd import Argocd
from devstream_desktop.deploy.backends.contract import Backend
from devstream_desktop.deploy.backends.github import Github
from devstream_desktop.deploy.backends.gitlab import Gitlab
from devstream_desktop.deploy.backends.jenkins import Jenkins
from devstream_desktop.deploy.backends.kubernetes import Kubernetes
from devstream_desktop.deploy.backends.shell import Shell
from devstream_desktop.deploy.backends.ssh import SecureShell
from devstream_desktop.deploy.backends.webhook import Webhook

BACKENDS: Mapping[str, Backend] = MappingProxyType(
    {
        "shell": Shell(),
        "webhook": Webhook(),
        "github": Github(),
        "gitlab": Gitlab(),
        "jenkins": Jenkins(),
        "argocd": Argocd(),
        "ssh": SecureShell(),
        "kubernetes": Kubernetes(),
    }
)
