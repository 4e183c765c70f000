"""How a check says that a lake and its source do not agree."""

from __future__ import annotations

from typing import Any

CONTEXT = 60


class Difference(Exception):
    """The first thing in a lake that is not as it has to be."""


def expect(condition: bool, message: str) -> None:
    if not condition:
        raise Difference(message)


def expect_equal(what: str, found: Any, expected: Any) -> None:
    if found != expected:
        shown, wanted = _where_they_part(str(found), str(expected))
        raise Difference(f"{what} is {shown}, expected {wanted}")


def _where_they_part(found: str, expected: str) -> tuple[str, str]:
    common = 0
    while common < min(len(found), len(expected)) and found[common] == expected[common]:
        common += 1
    start = max(0, common - CONTEXT)
    return _excerpt(found, start, common), _excerpt(expected, start, common)


def _excerpt(text: str, start: int, common: int) -> str:
    end = common + CONTEXT
    head, tail = "…" if start else "", "…" if end < len(text) else ""
    return f"{head}{text[start:end]}{tail}"
