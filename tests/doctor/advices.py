"""Every advice that `devstream doctor` can give, read from its code.

An advice is the third argument of `problem` and `warning`, in English. What is filled in stands as
`{}`, unless it is a text of the code itself, such as a command.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

from devstream_desktop import doctor

_SAID_BY = ("problem", "warning")
_DEEPEST = 8
"""Constants and functions that are followed below one another."""


def advices() -> Iterator[tuple[str, str]]:
    """Every advice, and where it stands."""
    for path in sorted(Path(doctor.__path__[0]).glob("*.py")):
        name = f"{doctor.__name__}.{path.stem}"
        module = importlib.import_module(name if path.stem != "__init__" else doctor.__name__)
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef) or function.name in _SAID_BY:
                continue
            texts = _Texts(module, function)
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and _name(call.func) in _SAID_BY:
                    where = f"{path.name}:{call.lineno}"
                    yield from ((text, where) for text in texts.of(call.args[2]) if text)


class _Texts:
    """The texts that expressions in one function can have."""

    def __init__(self, module: ModuleType, function: ast.FunctionDef) -> None:
        self._module = module
        self._local: dict[str, list[ast.expr]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._assign(target, node.value)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._local.setdefault(target.id, []).append(value)
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, its in zip(target.elts, value.elts, strict=True):
                self._assign(one, its)

    def of(self, node: ast.expr, depth: int = 0) -> list[str]:
        """Every text of an expression; `{}` where it is not written here."""
        if depth > _DEEPEST:
            return ["{}"]
        deeper = depth + 1
        match node:
            case ast.Constant(value=str() as text):
                return [text]
            case ast.JoinedStr(values=parts):
                return self._joined([self.of(part, deeper) for part in parts])
            case ast.FormattedValue(value=inner):
                return self.of(inner, deeper)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._joined([self.of(left, deeper), self.of(right, deeper)])
            case ast.IfExp(body=body, orelse=other):
                return [*self.of(body, deeper), *self.of(other, deeper)]
            case ast.Name(id=name) if name in self._local:
                return [text for one in self._local[name] for text in self.of(one, deeper)]
            case ast.Name(id=name):
                return _written(getattr(self._module, name, None))
            case ast.Call(func=ast.Name(id="_" | "N_"), args=[message]):
                return self.of(message, deeper)
            case ast.Call(func=ast.Attribute(value=form, attr="format"), keywords=places):
                filled = {one.arg: self.of(one.value, deeper) for one in places}
                return [text for one in self.of(form, deeper) for text in _filled(one, filled)]
            case ast.Call(func=ast.Name(id="next"), args=[ast.GeneratorExp() as among, *default]):
                # A table of reasons and advices; of anything else it is not known here.
                table = getattr(self._module, _name(among.generators[0].iter) or "__name__")
                found = [advice for _, advice in table] if isinstance(table, tuple) else ["{}"]
                return [*found, *(text for one in default for text in self.of(one, deeper))]
            case ast.Call(func=ast.Attribute(value=ast.Name(id=table), attr="get")):
                return _written(getattr(self._module, table, None))
            case ast.Call(func=ast.Name(id=name)):
                return _returned(getattr(self._module, name, None), deeper)
        return ["{}"]

    @staticmethod
    def _joined(parts: list[list[str]]) -> list[str]:
        return ["".join(one) for one in itertools.product(*parts)]


def _filled(form: str, places: Mapping[str | None, list[str]]) -> list[str]:
    """Every text of a form with these texts in its places."""
    named = [name for _, name, _, _ in string.Formatter().parse(form) if name]
    texts = itertools.product(*(places.get(name, ["{}"]) for name in named))
    return [form.format(**dict(zip(named, one, strict=True))) for one in texts]


def _written(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return list(value.values()) if isinstance(value, Mapping) else ["{}"]


def _returned(function: object, depth: int) -> list[str]:
    """Every text that a function of ours returns."""
    module = inspect.getmodule(function)
    if not inspect.isfunction(function) or module is None or depth > _DEEPEST:
        return ["{}"]
    (tree,) = ast.parse(inspect.getsource(function)).body
    if not module.__name__.startswith("devstream_desktop") or not isinstance(tree, ast.FunctionDef):
        return ["{}"]
    texts = _Texts(module, tree)
    returns = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value]
    return [text for value in returns for text in texts.of(value, depth + 1)]


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""
