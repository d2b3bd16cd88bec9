"""An installation without the extra says so before a source is added, and how to get it."""

from __future__ import annotations

import sys

import pytest

from devstream_desktop.control.messages.sources import GitSource, RemoteSource
from devstream_desktop.intake import registry
from devstream_desktop.intake.config.names import SourcesError
from devstream_desktop.node import source_list

GITHUB = RemoteSource(name="gh", type="github", ways=("poll",), options={"repository": "a/b"})


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation whose libraries for polls and expressions were left out."""
    found = registry.find_spec
    missing = {"httpx2", "jmespath"}
    monkeypatch.setattr(
        registry, "find_spec", lambda name: None if name in missing else found(name)
    )


@pytest.mark.usefixtures("without")
def test_a_source_that_could_not_be_asked_is_not_added() -> None:
    with pytest.raises(SourcesError, match=r"no httpx2, jmespath.*devstream\[collector\]"):
        source_list.check(GITHUB)


@pytest.mark.usefixtures("without")
def test_git_needs_none_of_them() -> None:
    source_list.check(GitSource(name="shop", url="https://git.example/shop.git"))


def test_with_all_of_them_it_is_added() -> None:
    source_list.check(GITHUB)


def test_a_type_whose_library_is_missing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry.collector_module.cache_clear()
    for name in [name for name in sys.modules if name.startswith("devstream_collectors.sources")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jmespath", None)
    with pytest.raises(registry.NoCollectorError, match=r"needs jmespath.*devstream\[collector\]"):
        registry.collector_module("generic")
