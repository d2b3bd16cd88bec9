"""Options of an `argparse` parser in Markdown."""

from __future__ import annotations

import argparse

_HIDDEN = (argparse._HelpAction, argparse._VersionAction, argparse._SubParsersAction)


def usage_block(parser: argparse.ArgumentParser) -> str:
    """Return the parser's usage in a code block of 88 columns."""
    formatter = argparse.HelpFormatter(parser.prog, width=88)
    formatter.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups, prefix="")
    return f"```text\n{formatter.format_help().rstrip()}\n```"


def options_table(parser: argparse.ArgumentParser) -> str:
    """Return a table of the parser's arguments; empty when it has none."""
    rows = [
        f"| {_name(action)} | {cell(_help(parser, action))} |"
        for action in parser._actions
        if not isinstance(action, _HIDDEN) and action.help is not argparse.SUPPRESS
    ]
    return "\n".join(["| argument | meaning |", "|---|---|", *rows]) if rows else ""


def cell(text: str) -> str:
    """Return text that stands in a table's cell as it is."""
    return escaped(" ".join(text.split())).replace("|", "\\|")


def escaped(text: str) -> str:
    """Return text in which nothing is taken for Markdown."""
    for character in "\\*_<[`":
        text = text.replace(character, "\\" + character)
    return text


def _name(action: argparse.Action) -> str:
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    if not action.option_strings:
        # Within a table even code must not hold a bare bar.
        return f"`{metavar or action.dest}`".replace("|", "\\|")
    if action.nargs == 0:
        value = ""
    elif action.choices:
        value = " " + "/".join(str(choice) for choice in action.choices)
    else:
        value = " " + (metavar or action.dest.upper())
    return f"`{', '.join(action.option_strings)}{value}`"


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    text = (action.help or "") % {"prog": parser.prog, "default": action.default}
    if action.required and action.option_strings:
        return f"{text} (needed)".strip()
    return text
