"""JMESPath with an end: expressions may be nested so deeply and no more, and take so many steps.

The language has no loops, but `[@, @] | []` doubles a list, and a thousand characters do so a
hundred times. Each step of the interpreter is counted, and what a function or a comparison looks
at; who has used up the steps of a delivery gets `TooCostlyError`.
"""

from __future__ import annotations

from typing import Any

import jmespath.functions
import jmespath.parser
import jmespath.visitor

STEPS = 40_000
"""For all expressions of a delivery: some 50 milliseconds."""
MAX_DEPTH = 60
_CHARACTERS = 64
"""Of a text, that count as one step."""
_LOOKS_INSIDE = frozenset({"to_string", "contains", "tag"})
"""Functions that go through their arguments to the bottom."""
_READS_ALL = frozenset({"find", "parse_json"})
"""Functions that read each character of a text with care: it counts eight times."""

Node = Any
"""A part of a parsed expression: a dictionary with a type, children and perhaps a value."""


class TooCostlyError(Exception):
    """The expressions took more steps than a delivery may; none of its events are made."""


class Budget:
    """The steps that are left for one delivery."""

    def __init__(self, steps: int = STEPS) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        """Take steps.

        Raises:
            TooCostlyError: there are not so many left.

        """
        self.left -= steps
        if self.left < 0:
            raise TooCostlyError(f"the rules take more than {STEPS:,} steps")

    def look_into(self, value: object) -> None:
        """Take a step for each value inside this one; one that stands in two places counts twice.

        Raises:
            TooCostlyError: there are not so many left.

        """
        waiting = [value]
        while waiting:
            one = waiting.pop()
            self.spend(1)
            if isinstance(one, str):
                self.spend(len(one) // _CHARACTERS)
            elif isinstance(one, dict):
                self.spend(len(one))
                waiting.extend(one.values())
            elif isinstance(one, list):
                self.spend(len(one))
                waiting.extend(one)


class Interpreter(jmespath.visitor.TreeInterpreter):
    """Evaluates an expression within a budget."""

    def __init__(self, functions: jmespath.functions.Functions, budget: Budget) -> None:
        super().__init__(jmespath.Options(custom_functions=functions))
        self._known = functions
        self._budget = budget

    def visit(self, node: Node, *args: object, **kwargs: object) -> object:
        """Take one step."""
        self._budget.spend(1)
        return super().visit(node, *args, **kwargs)

    def visit_flatten(self, node: Node, value: object) -> object:
        """Take as many steps as the new list is long."""
        merged = super().visit_flatten(node, value)
        self._budget.spend(_size(merged))
        return merged

    def visit_slice(self, node: Node, value: object) -> object:
        """Take as many steps as the part is long."""
        part = super().visit_slice(node, value)
        self._budget.spend(_size(part))
        return part

    def visit_comparator(self, node: Node, value: object) -> object:
        """Take steps for all that is compared."""
        sides = [self.visit(child, value) for child in children(node)]
        for side in sides:
            self._budget.look_into(side)
        known = [{"type": "literal", "value": side, "children": []} for side in sides]
        compared: Node = {**node, "children": known}
        return super().visit_comparator(compared, value)

    def visit_function_expression(self, node: Node, value: object) -> object:
        """Take steps for what the function goes through and makes."""
        name = str(node["value"])
        given = [self.visit(child, value) for child in children(node)]
        for one in given:
            if name in _LOOKS_INSIDE:
                self._budget.look_into(one)
            elif name in _READS_ALL:
                self._budget.spend(8 * _size(one))
            else:
                self._budget.spend(_size(one))
        try:
            found: object = self._known.call_function(name, given)
        except jmespath.exceptions.JMESPathTypeError:
            # A number where it wants a text: this part is not said, but what follows `||` may be.
            found = None
        if name == "parse_json":
            self._budget.look_into(found)
        else:
            self._budget.spend(_size(found))
        return found


def depth(parsed: jmespath.parser.ParsedResult) -> int:
    """Measure how deeply an expression nests."""
    deepest = 0
    waiting: list[tuple[Node, int]] = [(parsed.parsed, 1)]
    while waiting:
        node, level = waiting.pop()
        deepest = max(deepest, level)
        waiting += [(child, level + 1) for child in children(node)]
    return deepest


def children(node: Node) -> list[Node]:
    """Return the parts of a parsed expression."""
    return [child for child in node["children"] if isinstance(child, dict)]


def _size(value: object) -> int:
    if isinstance(value, str):
        return len(value) // _CHARACTERS
    return len(value) if isinstance(value, list | dict) else 0
