"""JSON by Python's own module, with number text, key order and repeated keys as written."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from typing import Any

# The default of 1,000 is below the nesting that an archive may hold.
sys.setrecursionlimit(10_000)

LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number as the text it was written with."""

    text: str


class Members(tuple):
    """The (key, value) pairs of a JSON object, in the order they were written in."""

    def get(self, wanted: str) -> Any:
        found = None
        for key, value in self:
            if key == wanted:
                found = value
        return found


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _decoder(parse_constant: Any) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=Members,
        parse_int=Number,
        parse_float=Number,
        parse_constant=parse_constant,
    )


# Python writes NaN and Infinity; a lake has to hold the strings of these names in their place.
LENIENT = _decoder(parse_constant=str)
STRICT = _decoder(parse_constant=_refuse_constant)


def canonical(value: Any) -> str:
    """One text for equal values: no spaces, one way of escaping, lone surrogates as U+FFFD."""
    if isinstance(value, Number):
        return value.text
    if isinstance(value, str):
        return json.dumps(LONE_SURROGATE.sub("\ufffd", value), ensure_ascii=False)
    if isinstance(value, Members):
        return "{" + ",".join(f"{canonical(key)}:{canonical(item)}" for key, item in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value)


def canonical_text(text: str) -> str:
    """`canonical` of strict JSON text; raises ValueError on anything else."""
    return canonical(STRICT.decode(text))
