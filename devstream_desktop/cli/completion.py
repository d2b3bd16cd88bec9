"""`devstream completion`: a script by which a shell completes commands, options and files."""

from __future__ import annotations

import argparse

from devstream_desktop.cli.commands import subcommands
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home

SHELLS = ("bash", "zsh", "fish")
_EPILOG = """examples:
  devstream completion bash > \\
    ~/.local/share/bash-completion/completions/devstream
  devstream completion zsh > FOLDER_OF_FPATH/_devstream
  devstream completion fish > ~/.config/fish/completions/devstream.fish

A new shell knows it. Write it again after an update. devstream
install-desktop does this for all three.
"""
_FILES = frozenset({"F", "FILE", "RULES.toml", "SAMPLE", "SAMPLE.json", "PATH_OR_URL"})
"""Placeholders of values that are files."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `completion`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(command=completion)


def completion(home: Home, options: argparse.Namespace) -> int:
    """Print the script of one shell."""
    del home
    print(script(options.shell))
    return 0


def script(shell: str) -> str:
    """Return the script of one shell.

    Raises:
        DevstreamError: the library that makes it is missing.

    """
    # Late, because only this command needs them.
    try:
        import shtab
    except ModuleNotFoundError as error:
        raise DevstreamError(
            f"completion needs {error.name}, which is not installed: pip install shtab"
        ) from None
    from devstream_desktop.cli.parser import whole_parser

    parser = whole_parser()
    _name_files(parser)
    return f"{shtab.complete(parser, shell)}"


def _name_files(parser: argparse.ArgumentParser) -> None:
    """Tell shtab the arguments that are files or folders."""
    import shtab

    waiting = [parser]
    while waiting:
        one = waiting.pop()
        waiting += subcommands(one).values()
        for action in one._actions:  # noqa: SLF001 - argparse has no public name for them
            if action.metavar in _FILES:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif action.metavar == "DIR":
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
