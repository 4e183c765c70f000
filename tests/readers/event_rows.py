"""Checks of the events table: every row against the source, by every reader."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from difference import Difference, expect, expect_equal
from exact_json import canonical_text
from lake_schema import TABLES
from promoted import COLUMNS as PROMOTED
from readers import DuckDb, rows_of
from source import Event

TYPES = {column.name: column.type for column in TABLES["events"]}
SUMMED = {"bigint", "double"}
# DuckDB adds doubles in the order it likes.
RELATIVE_ERROR = 1e-9


def check_event_rows(reader: Any, source: list[Event]) -> None:
    rows = rows_of(reader.read(TYPES))
    _check_ctx_paths(rows)
    expected, found = _by_id(source), _by_id(map(_event_of_row, rows))
    for event_id, events in expected.items():
        rows_of_id = found.pop(event_id, [])
        expect_equal(f"rows with event_id {event_id!r}", len(rows_of_id), len(events))
        for event, row in zip(events, rows_of_id):
            _expect_same(row, event)
    expect(not found, f"the source has no event {next(iter(found), None)!r}")


def _by_id(events: Iterable[Event]) -> dict[str, list[Event]]:
    grouped = defaultdict(list)
    for event in events:
        grouped[event.event_id].append(event)
    for same_id in grouped.values():
        same_id.sort(key=lambda event: repr(event.content()))
    return grouped


def _expect_same(row: Event, event: Event) -> None:
    for field, found, expected in zip(Event._fields, row, event):
        expect_equal(f"{field} of event {event.event_id!r}", found, expected)


def _event_of_row(row: dict[str, Any]) -> Event:
    nanos = row["timestamp_nanos"]
    expect(
        nanos is None or 1 <= nanos <= 999,
        f"timestamp_nanos of event {row['event_id']!r} is {nanos}: 1 to 999, or null for 0",
    )
    return Event(
        event_id=row["event_id"],
        request_id=row["request_id"],
        kind=row["kind"],
        op_name=row["op_name"],
        ctx=tuple(row["ctx"] or ()),
        nanos=row["timestamp"] * 1000 + (nanos or 0),
        seq=row["seq"],
        payload=_canonical_column(row, "payload"),
        extra=None if row["extra"] is None else _canonical_column(row, "extra"),
        promoted={name: row[name] for name in PROMOTED if row[name] is not None},
    )


def _canonical_column(row: dict[str, Any], column: str) -> str:
    text = row[column]
    expect(text is not None, f"{column} of event {row['event_id']!r} is null")
    try:
        return canonical_text(text)
    except ValueError as error:
        raise Difference(
            f"{column} of event {row['event_id']!r} is not valid JSON: {error}"
        ) from error


def _check_ctx_paths(rows: list[dict[str, Any]]) -> None:
    """A path is its segments with slashes between; no two contexts share a path."""
    ctx_of_path: dict[str, tuple[str, ...]] = {}
    for row in rows:
        ctx, path = tuple(row["ctx"] or ()), row["ctx_path"] or ""
        # How a slash is escaped is the lake's own business, as long as paths stay apart.
        if not any(set(segment) & set("/\\%~") for segment in ctx):
            expect_equal(f"ctx_path of event {row['event_id']!r}", path, "/".join(ctx))
        other = ctx_of_path.setdefault(path, ctx)
        expect_equal(f"the ctx that ctx_path {path!r} stands for", ctx, other)


def check_sums(reader: DuckDb, source: list[Event]) -> None:
    """Counts and sums of the promoted columns by kind, as a user's query adds them up."""
    found = _sums_in_lake(reader)
    expected = _sums_in_source(source)
    expect_equal("kinds", sorted(found), sorted(expected))
    for kind, columns in expected.items():
        for column, values in columns.items():
            count, total = found[kind][column]
            expect_equal(f"count of {column} of {kind}", count, len(values))
            if TYPES[column] in SUMMED and values:
                _expect_sum(f"sum of {column} of {kind}", total, values)


def _sums_in_lake(reader: DuckDb) -> dict[str, dict[str, tuple[int, Any]]]:
    terms = []
    for name in PROMOTED:
        total = f"sum({name})" if TYPES[name] in SUMMED else "null"
        terms.append(f"count({name}), {total}")
    rows = reader.query(f"select kind, {', '.join(terms)} from {{table}} group by kind")
    return {kind: dict(zip(PROMOTED, zip(figures[0::2], figures[1::2]))) for kind, *figures in rows}


def _sums_in_source(source: list[Event]) -> dict[str, dict[str, list[Any]]]:
    values: dict[str, dict[str, list[Any]]] = {}
    for event in source:
        columns = values.setdefault(event.kind, {name: [] for name in PROMOTED})
        for name, value in event.promoted.items():
            columns[name].append(value)
    return values


def _expect_sum(what: str, found: Any, values: list[Any]) -> None:
    if isinstance(values[0], int):
        expect_equal(what, found, sum(values))
        return
    expect_close(what, found, values)


def expect_close(what: str, found: Any, values: list[float]) -> None:
    expected = math.fsum(values)
    scale = math.fsum(map(abs, values))
    expect(
        found is not None and abs(found - expected) <= RELATIVE_ERROR * scale,
        f"{what} is {found}, expected {expected}",
    )
