"""The node's log when its disk is full: one line for a person, and the node goes on."""

from __future__ import annotations

import logging
import sys

import pytest

from devstream_desktop.home import Home
from devstream_desktop.node.log_file import start_logging


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/dev/full is Linux's")
def test_a_log_that_cannot_be_written_is_said_once_without_a_traceback(tmp_path, capsys):
    home = Home(tmp_path)
    home.log.symlink_to("/dev/full")
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        start_logging(home, verbose=False)
        for number in range(3):
            logging.getLogger("devstream_desktop.test").warning("line %s", number)
        (handler,) = set(root.handlers) - set(before)
        # What is buffered cannot be written at the end either.
        with pytest.raises(OSError, match="No space left"):
            handler.close()
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"{home.log} cannot be written" in said
    assert "No space left on device" in said
