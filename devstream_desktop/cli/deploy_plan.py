"""A plan on a terminal: what would ship, what to look at twice, and the question."""

from __future__ import annotations

import sys

from devstream_desktop.cli.output import GREEN, RED, YELLOW, coloured, day
from devstream_desktop.control.messages.deploys import Commit, Plan
from devstream_desktop.stream.text import clean, short_revision

_VERBS = {"rollback": "roll back", "dry_run": "try"}
_SIGNS = {"error": ("✗", RED), "warning": ("!", YELLOW)}
_CHECKS = {"succeeded": ("✓", GREEN), "failed": ("✗", RED), "errored": ("✗", RED)}
_SHOWN = 20


def print_plan(plan: Plan) -> None:
    """Print what the executor says would ship."""
    verb = _VERBS.get(plan.action, "deploy")
    ref = f" of {clean(plan.ref)}" if plan.ref else ""
    new = _described(plan.new, plan.sha)
    print(f"{verb} {plan.target} {short_revision(plan.sha)}{ref} to {plan.environment}")
    print(f"  then  {new}")
    if plan.current:
        print(f"  now   {_described(plan.old, plan.current)}")
    for check in plan.new.checks if plan.new is not None else ():
        sign, colour = _CHECKS.get(check.state, ("·", ""))
        by = f"{clean(check.told_by)} says" if check.told_by else ""
        notes = ", ".join(filter(None, ("required" if check.required else "", by)))
        needed = f" ({notes})" if notes else ""
        mark = coloured(sign, colour) if colour else sign
        print(f"  {mark} {clean(check.name)} {clean(check.state)}{needed}")
    _print_commits(plan)
    for form in plan.parameters:
        about = f"  {clean(form.help)}" if form.help else ""
        choices = f" ({', '.join(map(clean, form.choices))})" if form.choices else ""
        print(f"  --param {clean(form.name)}={clean(form.default)}{choices}{about}")
    for warning in plan.warnings:
        sign, colour = _SIGNS.get(warning.severity, ("·", ""))
        print(f"  {coloured(sign, colour) if colour else sign} {clean(warning.text, 300)}")


def _print_commits(plan: Plan) -> None:
    if not plan.commits and plan.told_by != "executor":
        for text in plan.changes:
            print(f"  + {clean(text)}")
        for text in plan.checks:
            print(f"  {clean(text)}")
        return
    sign = "-" if plan.backwards else "+"
    for commit in plan.commits[:_SHOWN]:
        whose = "you" if commit.own else clean(commit.author) or "somebody"
        red = any(check.state in ("failed", "errored") for check in commit.checks)
        mark = f" {coloured('✗', RED)}" if red else ""
        title = f" — {clean(commit.title)}" if commit.title else ""
        print(f"  {sign} {short_revision(commit.sha)} {whose}{title}{mark}")
    left = len(plan.commits) - _SHOWN + plan.more
    if left > 0:
        print(f"  {sign} and {left} more")
    if plan.source == "stream":
        print("  (commits as the stream tells them: the target names no repository that has both)")


def _described(commit: Commit | None, sha: str) -> str:
    if commit is None:
        return short_revision(sha)
    who = f" by {clean(commit.author)}" if commit.author else ""
    when = f", {day(commit.at)}" if commit.at else ""
    title = f" — {clean(commit.title)}" if commit.title else ""
    return f"{short_revision(sha)}{title}{who}{when}"


def confirmed(plan: Plan) -> bool:
    """Ask whether it is meant; by default it is not."""
    print("everybody in the team sees it")
    if not plan.type_to_confirm:
        return _asked("go on? [y/N] ").lower() in ("y", "yes")
    verb = _VERBS.get(plan.action, "deploy")
    return _asked(f"type {plan.environment} to {verb}: ") == plan.environment


def replaces(plan: Plan) -> bool:
    """Ask whether the person's own waiting request is to be replaced."""
    number = plan.own[:8]
    return _asked(f"your deploy {number} waits there already; replace it? [y/N] ").lower() in (
        "y",
        "yes",
    )


def is_interactive() -> bool:
    """Tell whether a person can be asked; a script that forgot --yes must not hang."""
    return sys.stdin.isatty()


def _asked(question: str) -> str:
    try:
        return input(question).strip()
    except EOFError:
        print()
        return ""
