"""Manual pages that groff and mandoc read without a warning, and completion in real shells."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from every_command import leaves

from devstream_desktop.cli.commands import COMMANDS
from devstream_desktop.cli.main import main
from devstream_desktop.cli.man import pages

SHELLS = ("bash", "zsh", "fish")


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: packaging/system-packages test")


@pytest.fixture(scope="module")
def manual() -> dict[str, str]:
    return pages()


def test_every_command_has_its_page_and_its_section(manual: dict[str, str]) -> None:
    assert set(manual) == {"devstream", *(f"devstream-{name}" for name in COMMANDS)}
    for path, parser in leaves():
        page = manual[f"devstream-{path[0]}"].replace("\\-", "-")
        if path[:2] == ("source", "add"):
            assert f"\n.B {path[2]}\n" in page or path[2] == "cdevents"
            continue
        assert len(path) == 1 or f'\n.SS "{parser.prog}"\n' in page
        flags = [one for action in parser._actions for one in action.option_strings]
        assert all(f"\\fB{flag}\\fR" in page for flag in flags if flag not in {"-h", "--help"})


def test_a_commands_page_is_printed_and_makes_no_folder(
    manual: dict[str, str], tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["man", "deploy"]) == 0
    assert capsys.readouterr().out == manual["devstream-deploy"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", [".TH is no macro here", "'quoted", "a\\b", "ü — 田中"])
def test_no_text_is_taken_for_roff(text: str) -> None:
    from devstream_desktop.cli.man import _escaped

    made = _escaped(text)
    assert made.isascii()
    assert made[0] not in ".'"


@pytest.mark.process
@pytest.mark.parametrize(
    "checker", [["mandoc", "-T", "lint", "-W", "style"], ["groff", "-man", "-ww", "-z", "-Tutf8"]]
)
def test_the_pages_are_read_without_a_warning(
    manual: dict[str, str], checker: list[str], tmp_path: Path
) -> None:
    needs(checker[0])
    for name, text in manual.items():
        file = tmp_path / f"{name}.1"
        file.write_text(text)
        done = subprocess.run(
            [*checker, str(file)], capture_output=True, text=True, timeout=60, check=False
        )
        # mandoc looks for the pages that SEE ALSO names where pages are installed.
        said = [
            line
            for line in (done.stdout + done.stderr).splitlines()
            if "referenced manual not found" not in line
        ]
        assert said == []


@pytest.mark.process
def test_a_page_shows_its_text(manual: dict[str, str], tmp_path: Path) -> None:
    needs("groff")
    file = tmp_path / "page.1"
    file.write_text(manual["devstream-team"])
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-P-c", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    shown = re.sub(".\b", "", done.stdout)
    assert "devstream team join ds1-… --person bob" in shown
    assert "Who is in the team, and who may do what." in shown


def test_the_pages_are_written_into_a_folder(tmp_path: Path, capsys) -> None:
    assert main(["man", str(tmp_path / "man1")]) == 0
    assert (tmp_path / "man1" / "devstream-team.1").read_text().startswith(".TH DEVSTREAM")
    assert main(["man", "/proc/nowhere"]) == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The script of each shell, as the command prints it."""
    folder = tmp_path_factory.mktemp("completion")
    found = {}
    for shell in SHELLS:
        found[shell] = folder / f"devstream.{shell}"
        with found[shell].open("w") as file:
            subprocess.run(
                [sys.executable, "-m", "devstream_desktop", "completion", shell],
                stdout=file,
                check=True,
                timeout=60,
            )
    return found


ASKED = [
    ("devstream te", "team"),
    ("devstream team app", "approve-join approve-policy"),
    ("devstream source add gith", "github"),
    ("devstream source add github --rep", "--repository"),
    ("devstream out add x --form ch", "chat"),
]


@pytest.mark.process
@pytest.mark.parametrize(("typed", "offered"), ASKED)
def test_bash_completes(scripts: dict[str, Path], typed: str, offered: str) -> None:
    needs("bash")
    words = typed.split()
    script = (
        f"source {scripts['bash']}; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1};"
        f" COMP_LINE='{typed}'; COMP_POINT={len(typed)};"
        " $(complete -p devstream | sed 's/.*-F \\([^ ]*\\).*/\\1/');"
        ' printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    assert done.stdout.split() == offered.split()


@pytest.mark.process
@pytest.mark.parametrize(("typed", "offered"), ASKED)
def test_fish_completes(scripts: dict[str, Path], typed: str, offered: str, tmp_path: Path) -> None:
    needs("fish")
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source {scripts['fish']}; complete -C '{typed}'"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"HOME": str(tmp_path)},
    )
    assert done.stderr == ""
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == offered.split()


@pytest.mark.process
@pytest.mark.parametrize(("typed", "offered"), ASKED)
def test_zsh_completes(scripts: dict[str, Path], typed: str, offered: str, tmp_path: Path) -> None:
    needs("zsh")
    folder = tmp_path / "functions"
    folder.mkdir()
    shutil.copy(scripts["zsh"], folder / "_devstream")
    process, terminal = pty.fork()
    if process == 0:
        os.environ |= {"HOME": str(tmp_path), "TERM": "dumb", "PS1": "READY"}
        os.execvp("zsh", ["zsh", "-f", "-i"])
    try:
        said = heard(terminal, "READY")
        start = f"fpath=({folder} $fpath); autoload -U compinit; compinit -u; setopt nobeep"
        os.write(terminal, f"{start}; print DO''NE\n".encode())
        said = heard(terminal, "DONE")
        # The first completes what all have in common, the second lists the choices.
        os.write(terminal, f"{typed}\t\t".encode())
        said = heard(terminal, *offered.split())
        assert all(word in said for word in offered.split()), said
    finally:
        os.close(terminal)
        os.kill(process, 9)
        os.waitpid(process, 0)


def heard(terminal: int, *words: str) -> str:
    """Text of a terminal, read until all these words are in it."""
    said, end = "", time.monotonic() + 30
    while not all(word in said for word in words) and time.monotonic() < end:
        if select.select([terminal], [], [], 1)[0]:
            said += os.read(terminal, 65_536).decode(errors="replace")
    return said


def test_a_word_that_is_no_command_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["man", "statsu"]) == 2
    said = capsys.readouterr().err
    assert "there is no command 'statsu'; do you mean devstream man status?" in said
    assert not [*tmp_path.iterdir()]
    # The advice works, and a folder that is there is one.
    assert said.rstrip().endswith("devstream man ./statsu")
    assert main(["man", "./statsu"]) == 0
    assert main(["man", "statsu"]) == 0
    assert len([*(tmp_path / "statsu").iterdir()]) > len(COMMANDS)
