"""Count how the product's docstrings and comments read: `python tests/prose.py`.

The rules are CONTRIBUTING's: a summary is an imperative or a noun phrase of at most twelve words,
never a relative clause. `tests/test_prose.py` holds them.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("devstream_desktop", "collectors/devstream_collectors")
MOST_WORDS = 12
RELATIVE = re.compile(
    r"(What|Who|Whose|Whom|Whether|Which|Where|When|Those|How|Why)\b(?! \w+ing\b)"
)
"""A summary that begins so is a clause, and the reader waits for its subject."""


@dataclass(frozen=True)
class Docstring:
    """The summary of one docstring, and where it is."""

    path: Path
    line: int
    summary: str

    @property
    def words(self) -> int:
        return len(self.summary.split())

    @property
    def relative(self) -> bool:
        return RELATIVE.match(self.summary) is not None

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.summary}"


def files(*packages: str) -> list[Path]:
    """The Python files of the product."""
    return sorted(
        path for package in packages or PACKAGES for path in (ROOT / package).rglob("*.py")
    )


def docstrings(path: Path) -> Iterator[Docstring]:
    """The docstrings of modules, classes and functions, and those below fields."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for place, statement in enumerate(body):
            # Below a field or a constant it stands as a statement of its own.
            described = place == 0 or isinstance(body[place - 1], ast.Assign | ast.AnnAssign)
            value = statement.value if isinstance(statement, ast.Expr) else None
            if described and isinstance(value, ast.Constant) and isinstance(value.value, str):
                summary = " ".join(value.value.strip().split("\n\n")[0].split())
                yield Docstring(
                    path, statement.lineno, re.split(r"(?<=[.:;]) ", summary)[0].rstrip(":;")
                )


def comment_lines(path: Path) -> int:
    """The lines that hold nothing but a comment."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    return sum(
        token.type == tokenize.COMMENT and token.line.strip().startswith("#") for token in tokens
    )


def main(packages: list[str]) -> int:
    """Print the figures, and with a second argument every summary that breaks a rule."""
    paths = files(*packages)
    found = [one for path in paths for one in docstrings(path)]
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)
    comments = sum(map(comment_lines, paths))
    relative = [one for one in found if one.relative]
    long = [one for one in found if one.words > MOST_WORDS]
    for one in sorted({*relative, *long}, key=lambda one: (one.path, one.line)):
        print(one)
    print(f"{len(paths)} files, {lines} lines, {len(found)} docstrings")
    print(
        f"begin with a relative clause: {len(relative)} ({100 * len(relative) / len(found):.1f} %)"
    )
    print(f"summary over {MOST_WORDS} words: {len(long)} ({100 * len(long) / len(found):.1f} %)")
    print(f"comment lines: {comments} ({100 * comments / lines:.1f} %)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
