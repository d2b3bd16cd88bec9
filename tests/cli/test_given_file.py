"""Files that a person names: what is read of them, and what is said where it cannot be."""

from __future__ import annotations

import io
import sys

import pytest

from devstream_desktop.cli import given_file
from devstream_desktop.errors import DevstreamError


def test_the_end_of_a_line_is_that_of_standard_input(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("väl\nue\n"))
    file = tmp_path / "given"
    file.write_bytes("väl\r\nue\r\n".encode())
    assert given_file.read_text(str(file)) == given_file.read_text("-") == "väl\nue\n"
    assert given_file.read_bytes(str(file)) == "väl\r\nue\r\n".encode()


@pytest.mark.parametrize(
    ("name", "said"),
    [("gone", "No such file"), ("", "directory"), ("bytes", "no text"), ("long", "right file")],
)
def test_what_cannot_be_read_is_named(tmp_path, monkeypatch, name, said):
    monkeypatch.setattr(given_file, "MOST", 8)
    (tmp_path / "bytes").write_bytes(b"\xff")
    (tmp_path / "long").write_bytes(bytes(9))
    with pytest.raises(DevstreamError, match=said) as told:
        given_file.read_text(str(tmp_path / name))
    assert str(tmp_path / name) in str(told.value)
