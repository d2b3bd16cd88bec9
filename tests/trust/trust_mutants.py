"""Takes each security check away once, in a copy, and sees whether a test notices: `python
tests/trust/trust_mutants.py [WORD...]`.

The checks are in mutations/*.toml: the file, the text, what stands there instead, and the fewest
tests that should notice. Prints every mutant and the score; ends with 1 when one survived. WORDs
choose mutants by path or what they do.
"""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
from snippets import file_of, replaced

ROOT = Path(__file__).parents[2]
COPIED = ("devstream_desktop", "collectors", "resources", "tests")
JOBS = 2
SECONDS = 90
"""For one test of a mutant; one that hangs is noticed by that."""
MEMORY_KB = 4 << 20
"""For the tests of a mutant; without a bound some take all that there is."""
_NOTICED = 1
"""pytest's exit code for tests that failed. Others mean that it could not run."""


class MutationError(Exception):
    """A mutant cannot be made or run; the message says why."""


class Mutation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One check that is taken away."""

    what: str
    """The attack that is then possible."""
    path: str
    """In devstream_desktop."""
    old: str
    new: str
    tests: tuple[str, ...]
    """In tests/, as pytest names them."""
    fast: bool = False
    """`make test` may try it, one of each room."""


class _File(msgspec.Struct, frozen=True):
    mutant: tuple[Mutation, ...]


MUTATIONS = tuple(
    mutation
    for path in sorted((Path(__file__).parent / "mutations").glob("*.toml"))
    for mutation in msgspec.toml.decode(path.read_bytes(), type=_File).mutant
)


@dataclass(frozen=True)
class Result:
    """The fate of one mutant."""

    mutation: Mutation
    caught: bool
    seconds: float

    def __str__(self) -> str:
        verdict = "caught  " if self.caught else "SURVIVED"
        return f"{verdict} {self.seconds:5.1f} s  {self.mutation.path}: {self.mutation.what}"


def place(root: Path, mutation: Mutation) -> Path:
    """The file in this copy of the repository that has the check."""
    return file_of(root / "devstream_desktop", mutation.path, mutation.old)


def mutated(mutation: Mutation) -> str:
    """The file with the check taken away.

    Raises:
        MutationError: what is to be taken away does not stand there once.

    """
    try:
        content = place(ROOT, mutation).read_text()
        changed = replaced(content, mutation.old, mutation.new)
    except ValueError as error:
        raise MutationError(f"{mutation.path}: {mutation.what}: {error}") from None
    compile(changed, mutation.path, "exec")
    return changed


def run(mutations: Sequence[Mutation], jobs: int = JOBS) -> Iterator[Result]:
    """Each mutant against its tests, in this order.

    Raises:
        MutationError: the tests fail without a mutant, or a mutant cannot be run.

    """
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies: queue.Queue[Path] = queue.Queue()
        for number in range(jobs):
            copies.put(_copy(Path(folder) / str(number)))
        copy = copies.get()
        check = (
            f"import devstream_desktop as d; assert d.__file__.startswith({str(copy)!r}), "
            f"d.__file__"
        )
        subprocess.run([sys.executable, "-c", check], cwd=copy, env=_environment(copy), check=True)
        tests = sorted({test for mutation in mutations for test in mutation.tests})
        if _pytest(copy, tests) != 0:
            raise MutationError(f"these fail already without a mutant: {' '.join(tests)}")
        copies.put(copy)
        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(lambda mutation: _try(mutation, copies), mutations)


def _copy(folder: Path) -> Path:
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def _try(mutation: Mutation, copies: queue.Queue[Path]) -> Result:
    copy = copies.get()
    target = place(copy, mutation)
    original, began = target.read_text(), time.monotonic()
    try:
        target.write_text(mutated(mutation))
        code = _pytest(copy, mutation.tests)
        if code not in (0, _NOTICED):
            raise MutationError(f"pytest ended with {code} under {mutation.path}: {mutation.what}")
        return Result(mutation, code == _NOTICED, time.monotonic() - began)
    finally:
        target.write_text(original)
        copies.put(copy)


def _environment(copy: Path) -> dict[str, str]:
    """The copy comes before what is installed."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(copy), str(copy / "collectors"))),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _pytest(copy: Path, tests: Sequence[str]) -> int:
    options = [
        "-q",
        "-x",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        "-o",
        f"timeout={SECONDS}",
        "--no-header",
        "--tb=no",
    ]
    bounded = ["/bin/sh", "-c", f'ulimit -d {MEMORY_KB}; exec "$@"', "sh", sys.executable]
    command = [*bounded, "-m", "pytest", *options, *(f"tests/{test}" for test in tests)]
    return subprocess.run(
        command,
        cwd=copy,
        env=_environment(copy),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    ).returncode


def main(words: Sequence[str]) -> int:
    """Run those that are chosen, or all, and print the score."""
    chosen = [
        one
        for one in MUTATIONS
        if not words or any(word in f"{one.path}: {one.what}" for word in words)
    ]
    results = []
    for result in run(chosen):
        print(result, flush=True)  # noqa: T201 - what this program is for
        results.append(result)
    caught = sum(result.caught for result in results)
    print(f"{caught} of {len(results)} mutants caught")  # noqa: T201
    return 0 if caught == len(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
