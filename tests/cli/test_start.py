"""Ctrl+C ends the command without a traceback, also while it is still being loaded."""

from __future__ import annotations

import gc
import sys

import pytest

from devstream_desktop import __main__ as start


class Interrupted:
    """A module at whose import the person presses Ctrl+C."""

    def __getattr__(self, name: str) -> object:
        raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def goes_on(monkeypatch):
    """This process does not end with the command."""
    monkeypatch.setattr(gc, "freeze", lambda: None)


def test_ctrl_c_while_the_command_is_loaded(monkeypatch):
    monkeypatch.setitem(sys.modules, "devstream_desktop.cli", Interrupted())
    assert start.main() == 130


def test_ctrl_c_while_it_runs(monkeypatch):
    def press(_home, _options):
        raise KeyboardInterrupt

    monkeypatch.setattr("devstream_desktop.cli.status.status", press)
    monkeypatch.setattr(sys, "argv", ["devstream", "status"])
    assert start.main() == 130
