"""Each way of installation is known by what it leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstream_desktop import installation
from devstream_desktop.installation import kind_of_package


@pytest.mark.parametrize(
    ("prefix", "mark", "kind"),
    [
        ("pipx/venvs/devstream", "pyvenv.cfg", "pipx"),
        ("uv/tools/devstream", "uv-receipt.toml", "uv tool"),
        ("opt/devstream", "pyvenv.cfg", "virtual environment"),
        ("venvs/devstream", "pyvenv.cfg", "virtual environment"),
        ("usr", "bin", "packages of the system's Python"),
    ],
)
def test_a_package_is_named_by_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: str, mark: str, kind: str
) -> None:
    monkeypatch.setattr(installation, "_CONTAINER", ())
    folder = tmp_path / prefix
    package = folder / "lib" / "devstream_desktop"
    package.mkdir(parents=True)
    (folder / mark).touch()
    assert kind_of_package(str(folder), package) == kind
    # A container is one whatever its Python is; a tool of pipx is more than that.
    monkeypatch.setattr(installation, "_CONTAINER", (str(tmp_path),))
    shown = kind if kind in {"pipx", "uv tool"} else "container"
    assert kind_of_package(str(folder), package) == shown


def test_a_bundle_is_known_by_its_program(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("sys.frozen", True, raising=False)
    monkeypatch.setattr(installation, "_DEBIAN", tmp_path / "devstream.list")
    assert kind_of_package() == "bundle"
    (tmp_path / "devstream.list").touch()
    assert kind_of_package() == "Debian package"


def test_this_is_a_checkout() -> None:
    assert kind_of_package() == "checkout"
