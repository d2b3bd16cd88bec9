"""The parser of one team command, with examples."""

from __future__ import annotations

import argparse

from devstream_desktop.cli.arguments import Commands

_ROLES = """roles:
  of a person   deployer, approver: for targets and environments by pattern
  of a device   admin: signs changes of the team, approves joins
                issuer: accepts invites and renews certificates
                collector: collects from sources
                executor: runs deploys
"""


def add_parser(
    team: Commands, name: str, about: str, *examples: str, roles: bool = False
) -> argparse.ArgumentParser:
    """Add a command with its examples; `roles` adds what each role allows."""
    shown = "\n".join(f"  devstream team {name} {example}".rstrip() for example in examples)
    return team.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        epilog=f"{_ROLES}\nexamples:\n{shown}" if roles else f"examples:\n{shown}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
