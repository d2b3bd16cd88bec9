"""Each HTTP back end with its local server, for every test that holds for all of them."""

from __future__ import annotations

import base64
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from deploy_services import (
    TOKEN,
    ArgocdService,
    GithubService,
    GitlabService,
    HookService,
    JenkinsService,
    Service,
)

from devstream_desktop.deploy.backends import following
from devstream_desktop.deploy.backends.argocd import Argocd
from devstream_desktop.deploy.backends.contract import Backend
from devstream_desktop.deploy.backends.github import Github
from devstream_desktop.deploy.backends.gitlab import Gitlab
from devstream_desktop.deploy.backends.jenkins import Jenkins
from devstream_desktop.deploy.backends.webhook import Webhook

FIRST_S, EVERY_S = 0.02, 0.05
NAMES = ("github", "github-workflow", "github-old", "gitlab", "jenkins", "argocd", "webhook")
SECRETS = {"TOKEN": TOKEN, "HOOK": "whsec_" + base64.b64encode(b"k" * 24).decode()}


@dataclass
class Place:
    """One back end, its server, and its table in targets.toml."""

    name: str
    service: Any
    backend: Backend
    table: str

    def write(self, room: Any, more: str = "") -> None:
        """Make it the back end of shop production."""
        kind = self.name.partition("-")[0]
        room.home.targets.write_text(
            f'[target.shop.production]\nbackend = "{kind}"\n{more}\n'
            f"[target.shop.production.{kind}]\n{self.table}\n"
        )

    @property
    def backends(self) -> dict[str, Backend]:
        return {self.name.partition("-")[0]: self.backend}


def make(name: str, sha: str) -> Place:
    """Start the server of a back end."""
    service: Service
    match name:
        case "github":
            service = GithubService(states=["", "in_progress", "success"])
            table = f'repository = "acme/shop"\ntoken = "TOKEN"\napi = "{service.url}"'
            return Place(name, service, Github(FIRST_S, EVERY_S), table)
        case "github-workflow" | "github-old":
            hub = GithubService(states=["queued", "in_progress", "success"])
            hub.old, hub.head_sha, hub.tip = name == "github-old", sha, sha
            table = f'repository = "acme/shop"\ntoken = "TOKEN"\napi = "{hub.url}"'
            table += '\nworkflow = "deploy.yml"'
            return Place(name, hub, Github(FIRST_S, EVERY_S), table)
        case "gitlab":
            lab = GitlabService(states=["created", "running", "success"])
            lab.head_sha = lab.tip = sha
            table = f'project = "acme/shop"\ntoken = "TOKEN"\nurl = "{lab.url}"'
            table += '\nvariables = {SHA = "{sha}"}'
            return Place(name, lab, Gitlab(FIRST_S, EVERY_S), table)
        case "jenkins":
            service = JenkinsService(states=["running", "success"])
            table = f'url = "{service.url}/job/shop"\nuser = "ana"\ntoken = "TOKEN"'
            return Place(name, service, Jenkins(FIRST_S, EVERY_S), table)
        case "argocd":
            service = ArgocdService(states=["asked", "running", "success"])
            table = f'url = "{service.url}"\napplication = "shop"\ntoken = "TOKEN"'
            return Place(name, service, Argocd(FIRST_S, EVERY_S, degraded_s=0.2), table)
    service = HookService(states=["queued", "in_progress", "success"])
    table = f'url = "{service.url}/deploy"\nsecret = "HOOK"'
    table += f'\nstatus_url = "{service.url}/runs/{{request}}"'
    return Place(name, service, Webhook(FIRST_S, EVERY_S), table)


def be_impatient(monkeypatch: pytest.MonkeyPatch, place: Place, seconds: float) -> None:
    """Look for a run that is not shown for so long only."""
    for module in (following, sys.modules[type(place.backend).__module__]):
        for name in ("ABSENT_S", "SILENT_S"):
            monkeypatch.setattr(module, name, seconds, raising=False)
