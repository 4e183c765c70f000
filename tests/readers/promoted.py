"""The columns of the events table that are promoted from a payload, by kind."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from exact_json import Members, Number

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
INT64_DIGITS = 19


def as_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def as_double(value: Any) -> float | None:
    if not isinstance(value, Number):
        return None
    number = float(value.text)
    return None if number in (float("inf"), float("-inf")) else number


def as_bigint(value: Any) -> int | None:
    """The value as a 64-bit integer; 3.0 counts as 3, while 2.5 and 2**63 do not fit."""
    if not isinstance(value, Number):
        return None
    number = Decimal(value.text)
    # int() of a huge exponent would spell out all of its zeros.
    if number and number.adjusted() >= INT64_DIGITS:
        return None
    if number != number.to_integral_value():
        return None
    integer = int(number)
    return integer if INT64_MIN <= integer <= INT64_MAX else None


class Promotion(NamedTuple):
    key: str
    column: str
    convert: Callable[[Any], Any]


STATUS = Promotion("status", "status", as_text)
GROUP_NAME = Promotion("name", "group_name", as_text)

PROMOTIONS: dict[str, tuple[Promotion, ...]] = {
    "op_end": (
        STATUS,
        Promotion("duration_ms", "duration_ms", as_double),
        Promotion("yield_count", "yield_count", as_bigint),
    ),
    "op_yield": (Promotion("idx", "yield_index", as_bigint),),
    "annotation": (Promotion("key", "annotation_key", as_text),),
    "group_start": (GROUP_NAME,),
    "group_end": (STATUS, GROUP_NAME),
    "llm_usage": (
        Promotion("model", "llm_model", as_text),
        Promotion("prompt_tokens", "llm_prompt_tokens", as_bigint),
        Promotion("completion_tokens", "llm_completion_tokens", as_bigint),
        Promotion("total_tokens", "llm_total_tokens", as_bigint),
        Promotion("cost_usd", "llm_cost_usd", as_double),
    ),
    "media_ref": (
        Promotion("handle", "media_handle", as_text),
        Promotion("mime", "media_mime", as_text),
        Promotion("size_bytes", "media_size_bytes", as_bigint),
    ),
}

COLUMNS = tuple(
    dict.fromkeys(
        promotion.column for promotions in PROMOTIONS.values() for promotion in promotions
    )
)


def promote(kind: str, payload: Members) -> dict[str, Any]:
    """The promoted columns of one event that are not null."""
    found = {
        promotion.column: promotion.convert(payload.get(promotion.key))
        for promotion in PROMOTIONS.get(kind, ())
    }
    return {column: value for column, value in found.items() if value is not None}
