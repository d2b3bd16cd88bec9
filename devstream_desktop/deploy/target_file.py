"""Entries written into targets.toml for its operator; what is there stays as it is."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from devstream_desktop import machine
from devstream_desktop.config import read_text
from devstream_desktop.deploy.targets import TargetsError, parse_targets


def add_target(path: Path, name: str, environment: str, settings: Mapping[str, object]) -> None:
    """Append a target to the file `path`, if the whole is right.

    Raises:
        TargetsError: it is there already, the entry or the file holds a mistake, or it cannot be
            written; nothing was.

    """
    text = read_text(path, TargetsError) or ""
    if text and (name, environment) in parse_targets(text, path):
        raise TargetsError(f"{name} {environment} is in {path.name} already; edit it there")
    lines = [f"[target.{_key(name)}.{_key(environment)}]"]
    lines += [f"{key} = {_value(value)}" for key, value in settings.items()]
    gap = "\n" if text and not text.endswith("\n\n") else ""
    gap = f"\n{gap}" if text and not text.endswith("\n") else gap
    whole = f"{text}{gap}" + "\n".join(lines) + "\n"
    parse_targets(whole, path)
    new = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(whole)
            file.flush()
            os.fsync(file.fileno())
        # The whole file at once: a node that reads it meanwhile sees the old or the new one.
        new.replace(path)
    except OSError as error:
        raise TargetsError(f"{path} cannot be written: {machine.reason(error, path)}") from error


def _key(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _value(value: object) -> str:
    """Write a text, a number or a list of texts; JSON's are TOML's too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
