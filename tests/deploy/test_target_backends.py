"""The tables of back ends in targets.toml: what is taken, and what each mistake says."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from devstream_desktop.deploy.backends.registry import BACKENDS
from devstream_desktop.deploy.targets import BackendName, TargetsError, parse_targets

KEY = "ssh-ed25519 " + "A" * 68
GOOD = {
    "webhook": 'url = "https://hooks.example.com/deploy"\nsecret = "HOOK"',
    "github": 'repository = "acme/shop"\ntoken = "TOKEN"\nworkflow = "deploy.yml"',
    "gitlab": 'project = "acme/tools/shop"\ntoken = "TOKEN"\nvariables = {SHA = "{sha}"}',
    "jenkins": 'url = "https://ci.example.com/job/a/job/shop"\nuser = "bot"\ntoken = "TOKEN"',
    "argocd": 'url = "https://cd.example.com"\napplication = "shop"\ntoken = "TOKEN"',
    "ssh": f'host = "web.example.com"\nuser = "deploy"\ncommand = "./go"\nhost_key = "{KEY}"',
    "kubernetes": (
        'namespace = "shop"\nworkload = "deployment/shop"\ncontainer = "app"\n'
        'image = "registry.example.com/shop:{sha}"'
    ),
}


def read(text: str):
    return parse_targets(text, Path.cwd() / "targets.toml")


def written(name: str, table: str, more: str = "") -> str:
    return f'[target.a.b]\nbackend = "{name}"\n{more}\n[target.a.b.{name}]\n{table}\n'


@pytest.mark.parametrize("name", GOOD)
def test_each_back_end_has_a_table(name):
    (target,) = read(written(name, GOOD[name])).values()
    assert target.backend == name
    assert target.settings() is not None
    assert set(target.secret_names()) <= {"TOKEN", "HOOK"}


def test_every_name_is_a_back_end():
    assert set(get_args(BackendName)) == set(BACKENDS)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('[target.a.b]\nbackend = "ftp"', 2, "backend must be one of shell, webhook"),
        ('[target.a.b]\nbackend = "github"', 2, "the table github is missing"),
        ("[target.a.b.github]\n" + GOOD["github"], 1, 'github needs backend = "github"'),
        (written("github", GOOD["github"], 'run = ["x"]'), 3, "run is for the back end shell"),
        (written("github", GOOD["github"], 'secrets = ["X"]'), 1, "github names its own"),
        (
            written("github", 'repository = "acme/shop"'),
            4,
            "token is missing; it must be the name of a secret",
        ),
        (written("github", GOOD["github"] + '\napi = "ftp://x"'), 8, "an address without a secret"),
        (
            written("github", GOOD["github"] + '\napi = "https://ana:pw@x"'),
            8,
            "api holds a user name, a password",
        ),
        (written("webhook", 'url = "https://x/?token=1"'), 5, "url holds a user name"),
        (written("gitlab", GOOD["gitlab"] + "\nref = 1"), 8, "'ref' is unknown"),
        (written("jenkins", GOOD["jenkins"].replace("/job", "/view")), 5, "the address of a job"),
        (written("argocd", GOOD["argocd"].replace('"shop"', '"a/../b"')), 6, "an application"),
        (written("ssh", GOOD["ssh"].replace("web", "-oProxy")), 5, "a host name or address"),
        (written("ssh", GOOD["ssh"].replace("ssh-", "@cert-authority ")), 8, "type and key"),
        (written("kubernetes", GOOD["kubernetes"].replace(":{sha}", "")), 8, "{sha} in it"),
        (written("kubernetes", GOOD["kubernetes"].replace("nt/", "nt/--")), 6, "deployment/NAME"),
    ],
)
def test_each_mistake_names_its_line_and_what_is_right(text, line, reason):
    with pytest.raises(TargetsError) as caught:
        read(text)
    assert str(caught.value).startswith(f"targets.toml, line {line}: ")
    assert reason in str(caught.value)
