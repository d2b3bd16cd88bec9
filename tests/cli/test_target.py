"""`devstream target add`: paths mean what they mean where they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstream_desktop.cli.main import main
from devstream_desktop.deploy.targets import parse_targets
from devstream_desktop.home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home elsewhere than the folder of the person."""
    monkeypatch.setenv("DEVSTREAM_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "shop" / "sub").mkdir(parents=True)
    (tmp_path / "shop" / "deploy.sh").write_text("#!/bin/sh")
    monkeypatch.chdir(tmp_path / "shop")
    return Home(tmp_path / "home")


@pytest.mark.parametrize(
    ("words", "cwd", "repository"),
    [
        (["--cwd", ".", "--repository", ".", "--run", "true"], "shop", "shop"),
        (["--cwd", "sub", "--repository", "../shop", "--run", "true"], "shop/sub", "shop"),
        (["--run", "./deploy.sh"], "shop", ""),
        # The home's own program.
        (["--run", "./elsewhere.sh"], "home", ""),
        (["--run", "true"], "home", ""),
    ],
)
def test_a_path_is_taken_from_where_it_is_typed(
    words: list[str], cwd: str, repository: str, home: Home, tmp_path: Path
) -> None:
    assert main(["target", "add", "shop", "staging", *words]) == 0
    found = parse_targets(home.targets.read_text(), home.targets)[("shop", "staging")]
    assert found.cwd == tmp_path / cwd
    assert found.repository == (str(tmp_path / repository) if repository else "")


@pytest.mark.parametrize("address", ["https://git.example.com/acme/shop.git", "git@host:acme/shop"])
def test_an_address_stays_as_it_is(address: str, home: Home) -> None:
    assert main(["target", "add", "shop", "qa", "--repository", address, "--run", "true"]) == 0
    found = parse_targets(home.targets.read_text(), home.targets)[("shop", "qa")]
    assert found.repository == address
