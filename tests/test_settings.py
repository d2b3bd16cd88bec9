"""Settings are read whole, and every mistake names its file, line, reason and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstream_desktop import settings
from devstream_desktop.settings import (
    IntakeSettings,
    MeshSettings,
    Settings,
    SettingsError,
    load_settings,
)


def test_a_level_is_for_each_part_of_a_node_that_logs() -> None:
    package = Path(settings.__file__).parent
    code = {path: path.read_text() for path in package.glob("*/**/*.py")}
    logs = {path.relative_to(package).parts[0] for path in code if "getLogger" in code[path]}
    assert logs - {"desk", "desktop"} == set(settings._ROOMS)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "settings.toml") == Settings()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(
        '[mesh]\nlisten = "10.0.0.1:7400"\npeers = ["10.0.0.5:7400"]\ndiscovery = false\n'
        '[intake]\nlisten = "127.0.0.1:8900"\n'
    )
    assert load_settings(path) == Settings(
        mesh=MeshSettings(listen="10.0.0.1:7400", peers=("10.0.0.5:7400",), discovery=False),
        intake=IntakeSettings(listen="127.0.0.1:8900"),
    )


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[mesh]\nlisten = 7400\n", 2, "mesh.listen must be HOST:PORT"),
        ('[mesh]\nlisten = "somewhere"\n', 2, "HOST:PORT"),
        ('[mesh]\npeers = [\n"10.0.0.5:99999"]\n', 3, "HOST:PORT"),
        ("[mesh]\ndiscovery = true\ndiscoverey = true\n", 3, "allowed: "),
        ("[mesh]\ndiscovery = 1\n", 2, "mesh.discovery must be true or false"),
        ("mesh = 3\n", 1, "mesh must be a table"),
        ("[mash]\n", 1, "allowed: "),
        ("[mesh\n", 1, "line 1"),
        ('[intake]\nlisten = ":80"\n', 2, "HOST:PORT"),
        ('[log]\nformat = "xml"\n', 2, "log.format must be text or json"),
        ("[log]\nlevel = 3\n", 2, "log.level must be debug, info, warning or error"),
        ('[log]\nrooms = {mash = "info"}\n', 2, "allowed: control, deploy"),
        ('[log]\n[log.rooms]\nmesh = "loud"\n', 2, 'such as {mesh = "warning"}'),
        (
            '[mesh]\nlisten = "10.0.0.1:1"\n[intake]\nlisten = 80\n',
            4,
            "intake.listen must be HOST:PORT",
        ),
        ('[mesh]\nlisten = "10.0.0.1:1"\n"" = 3\n', 3, "allowed: "),
    ],
)
def test_a_mistake_says_where_and_what(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert str(path) in str(caught.value)
    assert f"line {line}" in str(caught.value)
    assert words in str(caught.value)
