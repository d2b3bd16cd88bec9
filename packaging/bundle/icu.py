"""A smaller ICU for the bundle: 5 MB instead of 32.

Qt's library links to ICU, of which it uses collation and case. Names of languages, regions, units,
currencies and zones it has itself, and nobody here reads a text in an encoding of the last century.
Format: ICU User Guide, "ICU Data"; the file's name is part of it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TypeAlias

Binary: TypeAlias = tuple[str, str, str]
"""Its place in the bundle, where it is now, and its type."""

_UNUSED = re.compile(
    r"""
    ^(brkitr|curr|lang|rbnf|region|translit|unit|zone)/
    | \.cnv$  # encodings
    | ^unames\.icu$  # names of letters
    | ^[a-z]{2,3}(_[A-Z0-9]\w*)?\.res$  # numbers and dates of a language
    """,
    re.VERBOSE,
)
_SOURCE = """
    .section .rodata
    .globl {symbol}
    .type {symbol}, %object
    .balign 16
{symbol}:
    .incbin "{data}"
    .size {symbol}, . - {symbol}
    .section .note.GNU-stack,"",%progbits
"""
_TOOLS = ("icupkg", "objcopy", "gcc")


def smaller(binaries: list[Binary], folder: Path) -> list[Binary]:
    """Return the binaries with a smaller `libicudata`; without the tools, as they are."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        said = f"{', '.join(missing)} not installed, so the bundle is 27 MB larger than it need be"
        print(said, file=sys.stderr)  # noqa: T201 - for whoever builds
        return binaries
    return [
        (place, str(_reduced(Path(path), folder / "icu")), kind)
        if kind == "BINARY" and re.search(r"libicudata\.so\.\d+$", path)
        else (place, path, kind)
        for place, path, kind in binaries
    ]


def _reduced(library: Path, folder: Path) -> Path:
    """Make the library anew, with less data; its name and symbol stay."""
    version = library.suffix.removeprefix(".")
    # icupkg takes the names inside from the name of the file.
    whole, less = (folder / part / f"icudt{version}l.dat" for part in ("whole", "less"))
    for one in (whole, less):
        one.parent.mkdir(parents=True, exist_ok=True)
    _run("objcopy", "-O", "binary", "--only-section=.rodata", library, whole)
    names = _run("icupkg", "-l", whole).split()
    (folder / "unused.txt").write_text("\n".join(filter(_UNUSED.search, names)), encoding="utf-8")
    _run("icupkg", "-r", folder / "unused.txt", whole, less)
    source = folder / "data.s"
    text = _SOURCE.format(symbol=f"icudt{version}_dat", data=less)
    source.write_text(text, encoding="utf-8")
    made = folder / library.name
    _run("gcc", "-shared", "-nostdlib", f"-Wl,-soname,{library.name}", "-o", made, source)
    return made


def _run(*words: str | Path) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout
