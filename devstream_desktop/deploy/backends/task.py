"""The task of a supervisor, as the node hands it over."""

from __future__ import annotations

from typing import TypedDict


class Task(TypedDict):
    """One program to run. Times in seconds; `secrets` are never written to the log."""

    run: list[str]
    env: dict[str, str]
    cwd: str
    log: str
    result: str
    request: str
    timeout: float
    kill_after: float
    max_bytes: int
    keep_bytes: int
    secrets: list[str]
    lock: int
