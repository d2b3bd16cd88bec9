"""Headers that say where the next page is, whatever a service writes into them."""

from __future__ import annotations

import time

import pytest

from devstream_collectors.kit.polling import cursor_after, link_after, size_said

SENTRY = (
    '<https://sentry.io/x?&cursor=0:0:1>; rel="previous"; results="false"; cursor="0:0:1", '
    '<https://sentry.io/x?&cursor=0:100:0>; rel="next"; results="true"; cursor="0:100:0"'
)


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("", ""),
        ('<https://x.example/a?page=2>; rel="next"', "https://x.example/a?page=2"),
        (
            '<https://x.example/a?page=1>; rel="prev", <https://x.example/a?page=3>; rel="next"',
            "https://x.example/a?page=3",
        ),
        ('<https://x.example/a?page=1>; rel="last"', ""),
        ("next", ""),
    ],
)
def test_the_next_page_of_a_link_header(link, address) -> None:
    assert link_after(link) == address


def test_the_cursor_of_the_next_page_as_sentry_says_it() -> None:
    assert cursor_after(SENTRY) == "0:100:0"
    assert cursor_after(SENTRY.replace('results="true"', 'results="false"')) == ""
    assert cursor_after("") == ""


@pytest.mark.parametrize("text", ["a" * 100_000, "<" * 100_000, "<a>;" * 25_000, 'a="' * 30_000])
def test_a_long_header_costs_no_time(text) -> None:
    begun = time.process_time()
    assert (link_after(text), cursor_after(text), size_said(text)) == ("", "", -1)
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    ("text", "size"), [("12", 12), ("0", 0), (None, -1), ("x", -1), ("9" * 5000, -1), ("²", -1)]
)
def test_the_size_of_a_list(text, size) -> None:
    assert size_said(text) == size
