"""targets.toml: what it may say, and what each mistake is told."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devstream_desktop.deploy.backends.registry import BACKENDS
from devstream_desktop.deploy.targets import (
    DEFAULT_PASS_ENV,
    TargetsError,
    load_targets,
    parse_targets,
)

GOOD = """\
# what this host deploys
[target.shop.production]
run = ["./deploy.sh", "--fast"]
timeout_s = 60
ref = "release/1"
refs = ["main", "release/*"]
description = "the shop"
repository = "https://git.example/acme/shop.git"
env = {REGION = "eu"}
pass_env = ["PATH"]

[target.shop.staging]
run = ["make", "deploy"]
"""


def test_a_file_becomes_targets(tmp_path):
    targets = parse_targets(GOOD, tmp_path / "targets.toml")
    production, staging = targets["shop", "production"], targets["shop", "staging"]
    assert production.run == ("./deploy.sh", "--fast")
    assert (production.timeout_s, production.ref, production.refs) == (
        60.0,
        "release/1",
        ("main", "release/*"),
    )
    assert (dict(production.env), production.pass_env) == ({"REGION": "eu"}, ("PATH",))
    assert production.cwd == tmp_path.resolve()
    assert (staging.timeout_s, staging.ref, staging.repository, staging.refs) == (
        1800.0,
        "main",
        "",
        (),
    )
    assert "PATH" in staging.pass_env


def test_globs_are_matched_against_the_whole_short_ref(tmp_path):
    target = parse_targets(GOOD, tmp_path / "targets.toml")["shop", "production"]
    assert target.allows("main")
    assert target.allows("refs/heads/main")
    assert target.allows("release/2/hotfix")
    assert not target.allows("main2")
    assert not target.allows("feature/main")
    assert not target.allows("main\n")


def test_no_file_is_no_targets(tmp_path):
    assert dict(load_targets(tmp_path / "targets.toml")) == {}


def test_a_file_that_cannot_be_read_says_so(tmp_path):
    (tmp_path / "targets.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(TargetsError, match=r"targets\.toml cannot be read"):
        load_targets(tmp_path / "targets.toml")


def test_paths_are_relative_to_the_file_and_addresses_are_kept(tmp_path):
    (tmp_path / "app").mkdir()
    head = '[target.a.b]\nrun = ["x"]\n'

    def of(line):
        return parse_targets(head + line, tmp_path / "targets.toml")["a", "b"]

    assert of('cwd = "app"').cwd == (tmp_path / "app").resolve()
    assert of('repository = "app"').repository == str((tmp_path / "app").resolve())
    for address in (
        "https://git.example/x",
        "ssh://git@git.example/x",
        "git@git.example:acme/x.git",
    ):
        assert of(f'repository = "{address}"').repository == address


@pytest.mark.parametrize(
    ("text", "line", "reason", "allowed"),
    [
        ("[target.a.b]\nrun = [", 2, "not TOML", ""),
        ('[targets.a.b]\nrun = ["x"]', 1, "'targets' is unknown", "[target.NAME.ENVIRONMENT]"),
        ('[target.a]\nrun = ["x"]', 2, "must be a table", "[target.NAME.ENVIRONMENT]"),
        ("target = 3", 1, "must be a table", "[target.NAME.ENVIRONMENT]"),
        ('[target."a b".c]\nrun = ["x"]', 1, "'a b' is no name", "letters, digits"),
        ('[target.a."c/d"]\nrun = ["x"]', 1, "'c/d' is no name", "letters, digits"),
        ('\n[target.a.b]\nrum = ["x"]', 3, "'rum' is unknown", "run, cwd, timeout_s"),
        ("\n\n[target.a.b]", 3, "run is missing", "a list of strings"),
        ('[target.a.b]\nrun = "./deploy.sh"', 2, "run must be", "a list of strings"),
        ("[target.a.b]\nrun = []", 2, "run must be", "a list of strings"),
        ('[target.a.b]\nrun = [""]', 2, "run must be", "a list of strings"),
        ('[target.a.b]\nrun = ["x", 3]', 2, "run must be", "a list of strings"),
        ('[target.a.b]\nrun = ["x\\u0000"]', 2, "run must be", "a list of strings"),
        ('[target.a.b]\nrun = ["x"]\n\ntimeout_s = 0', 4, "timeout_s must be", "up to 86400"),
        ('[target.a.b]\nrun = ["x"]\ntimeout_s = nan', 3, "timeout_s must be", "up to 86400"),
        ('[target.a.b]\nrun = ["x"]\ntimeout_s = "9"', 3, "timeout_s must be", "a number"),
        ('[target.a.b]\nrun = ["x"]\ntimeout_s = true', 3, "timeout_s must be", "a number"),
        ('[target.a.b]\nrun = ["x"]\ncwd = "nowhere"', 3, "cwd must be", "a folder that exists"),
        ('[target.a.b]\nrun = ["x"]\nref = "a b"', 3, "ref must be", "name of a branch"),
        ('[target.a.b]\nrun = ["x"]\nrefs = []', 3, "refs must be", "list of globs"),
        ('[target.a.b]\nrun = ["x"]\nrefs = ["v*"]', 3, "ref is 'main'", "name one that it allows"),
        (
            '[target.a.b]\nrun = ["x"]\nrefs = ["v*"]\nref = "main"',
            4,
            "ref is 'main'",
            "name one that it allows",
        ),
        (
            '[target.a.b]\nrun = ["x"]\nrepository = "-x"',
            3,
            "repository must be",
            "a path, or a URL",
        ),
        (
            '[target.a.b]\nrun = ["x"]\nrepository = "https://ana:pw@git.example/x"',
            3,
            "repository holds a user name or password",
            "credential helper",
        ),
        ('[target.a.b]\nrun = ["x"]\nenv = {"A B" = "x"}', 3, "env must be", "text by name"),
        (
            '[target.a.b]\nrun = ["x"]\nenv = {DEVSTREAM_SHA = "x"}',
            3,
            "env must be",
            "no name starting with DEVSTREAM_",
        ),
        ('[target.a.b]\nrun = ["x"]\nenv = {A = 1}', 3, "env.A must be", "text by name"),
        ('[target.a.b]\nrun = ["x"]\n[target.a.b.env]\nA = 1', 3, "env.A must be", "text by name"),
        (
            '[target.a.b]\nrun = ["x"]\npass_env = ["A=B"]',
            3,
            "pass_env must be",
            "names of environment variables",
        ),
        (
            '[target.x.y]\nrun = ["x"]\n[target.a.b]\nrun = ["x"]\n[target.a.c]\nrun = 3',
            6,
            "target a c: run must be",
            "a list",
        ),
    ],
)
def test_every_mistake_names_file_line_reason_and_what_is_allowed(
    tmp_path, text, line, reason, allowed
):
    with pytest.raises(TargetsError) as caught:
        parse_targets(text, tmp_path / "targets.toml")
    message = str(caught.value)
    assert message.startswith(f"targets.toml, line {line}: ")
    assert reason in message
    assert allowed in message
    assert "\n" not in message
    assert "pw" not in message


@given(st.text())
@example("[target.a.b]\nrun=['x']\nrun.x=1")
@example("[target]\na.b.run = ['x']")
@example("[[target]]")
def test_any_text_is_targets_or_a_mistake(tmp_path_factory, text):
    with contextlib.suppress(TargetsError):
        assert all(
            target.run
            for target in parse_targets(
                text, tmp_path_factory.getbasetemp() / "targets.toml"
            ).values()
        )


def test_the_example_that_we_ship_is_right():
    example = load_targets(Path(__file__).parents[2] / "resources" / "examples" / "targets.toml")
    assert {("shop", "production"), ("shop", "staging")} <= set(example)
    # One of each, to copy.
    assert {target.backend for target in example.values()} == set(BACKENDS)
    assert example["shop", "production"].pass_env == DEFAULT_PASS_ENV
