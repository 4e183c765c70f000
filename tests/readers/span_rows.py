"""Checks of ops, groups and runs against the events they were folded from."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from difference import expect, expect_equal
from event_rows import expect_close
from exact_json import LENIENT, canonical, canonical_text
from lake_schema import expected_columns
from readers import PARTITION_KEYS, rows_of
from source import Event

SPAN_ID = re.compile(r"[0-9a-f]{16}")
TOKENS = ("llm_prompt_tokens", "llm_completion_tokens", "llm_total_tokens")

Row = dict[str, Any]
Tables = dict[str, list[Row]]


def read_rows(reader: Any, table: str) -> list[Row]:
    present = reader.types().keys() - PARTITION_KEYS
    return rows_of(reader.read([column.name for column in expected_columns(table, present)]))


def check_span_rows(tables: Tables, source: list[Event]) -> None:
    """`tables` holds the rows of those of ops, groups and runs that the lake has."""
    if "ops" in tables:
        _check_ops(tables["ops"], source)
    if "groups" in tables:
        _check_groups(tables["groups"], source)
    if "runs" in tables:
        _check_runs(tables["runs"], source)
    if tables.keys() >= {"ops", "groups", "runs"}:
        _check_span_ids(tables["ops"] + tables["groups"])
        _check_run_counts(tables)


def _check_ops(ops: list[Row], source: list[Event]) -> None:
    _expect_unique("op", ops, ("request_id", "op_name", "ctx", "occurrence"))
    starts = [event for event in source if event.kind == "op_start"]
    started = [row for row in ops if row["start_event_id"] is not None]
    _expect_covered(
        "op_start without a row in ops",
        # An opener without a name opens no op.
        Counter(_identity(event) for event in starts if event.op_name is not None),
        Counter(_start_identity(row) for row in started),
    )
    _expect_covered(
        "row in ops without an op_start of its own",
        Counter(row["start_event_id"] for row in started),
        Counter(event.event_id for event in starts),
    )
    _check_user_values(ops, source, "inputs", "op_start", "start_event_id")
    _check_user_values(ops, source, "outputs", "op_end", "end_event_id")


def _identity(event: Event) -> tuple[Any, ...]:
    return event.event_id, event.request_id, event.op_name, event.ctx, event.nanos // 1000


def _start_identity(row: Row) -> tuple[Any, ...]:
    ctx = tuple(row["ctx"] or ())
    return row["start_event_id"], row["request_id"], row["op_name"], ctx, row["started_at"]


def _check_user_values(
    ops: list[Row], source: list[Event], key: str, kind: str, id_column: str
) -> None:
    """The JSON text in `key` is the one in the payload of the event that the row names."""
    in_source = defaultdict(set)
    for event in source:
        if event.kind == kind:
            in_source[event.event_id].add(canonical(LENIENT.decode(event.payload).get(key)))
    for row in ops:
        event_id = row[id_column]
        if event_id is None:
            continue
        expect(event_id in in_source, f"{id_column} {event_id!r} is no {kind} of the source")
        found = "null" if row[key] is None else canonical_text(row[key])
        wanted = in_source[event_id]
        if found not in wanted:
            expect_equal(f"{key} of the op of event {event_id!r}", found, min(wanted))


def _check_groups(groups: list[Row], source: list[Event]) -> None:
    _expect_unique("group", groups, ("request_id", "name", "occurrence"))
    starts = Counter(
        (event.request_id, event.promoted.get("group_name"), event.nanos // 1000)
        for event in source
        if event.kind == "group_start" and "group_name" in event.promoted
    )
    rows = Counter((row["request_id"], row["name"], row["started_at"]) for row in groups)
    _expect_covered("group_start without a row in groups", starts, rows)


def _check_runs(runs: list[Row], source: list[Event]) -> None:
    _expect_unique("run", runs, ("request_id",))
    events_of_run = defaultdict(list)
    for event in source:
        events_of_run[event.request_id].append(event)
    strangers = {row["request_id"] for row in runs} ^ set(events_of_run)
    expect(not strangers, f"only in the source or only in runs: {sorted(strangers)}")
    for row in runs:
        _check_run(row, events_of_run[row["request_id"]])
    _check_token_totals(runs, source)


def _check_run(row: Row, events: list[Event]) -> None:
    where = f"run {row['request_id']!r}"
    expect_equal(f"events of {where}", row["events"], len(events))
    first = min(event.nanos for event in events)
    expect_equal(f"started_at of {where}", row["started_at"], first // 1000)
    usage = [event.promoted for event in events if event.kind == "llm_usage"]
    models = {promoted["llm_model"] for promoted in usage if "llm_model" in promoted}
    expect_equal(f"llm_models of {where}", set(row["llm_models"] or ()), models)
    _check_run_cost(where, row["llm_cost_usd"], usage)


def _check_run_cost(where: str, found: float | None, usage: list[dict[str, Any]]) -> None:
    costs = [promoted["llm_cost_usd"] for promoted in usage if "llm_cost_usd" in promoted]
    if not costs:
        expect_equal(f"llm_cost_usd of {where}, where no call has a cost", found, None)
    elif found is not None or len(costs) == len(usage):
        expect_close(f"llm_cost_usd of {where}", found, costs)


def _check_token_totals(runs: list[Row], source: list[Event]) -> None:
    for column in TOKENS:
        in_source = sum(event.promoted.get(column, 0) for event in source)
        in_runs = sum(row[column] or 0 for row in runs)
        expect_equal(f"{column} added up over runs", in_runs, in_source)


def _check_span_ids(spans: list[Row]) -> None:
    _expect_unique("span", spans, ("request_id", "span_id"))
    known = {(row["request_id"], row["span_id"]) for row in spans}
    roots: dict[str, set[str]] = defaultdict(set)
    for row in spans:
        request_id, parent = row["request_id"], row["parent_span_id"]
        expect(
            SPAN_ID.fullmatch(row["span_id"]) is not None,
            f"span_id {row['span_id']!r} of run {request_id!r} is not 16 hex digits",
        )
        if parent is not None and (request_id, parent) not in known:
            roots[request_id].add(parent)
    for request_id, parents in roots.items():
        # The run's own span has no row in ops or groups; nothing else may be missing there.
        expect(
            len(parents) == 1,
            f"run {request_id!r} has parents that are no op or group: {sorted(parents)}",
        )


def _check_run_counts(tables: Tables) -> None:
    for table in ("ops", "groups"):
        rows = Counter(row["request_id"] for row in tables[table])
        for run in tables["runs"]:
            request_id = run["request_id"]
            expect_equal(f"{table} of run {request_id!r}", run[table], rows[request_id])


def _expect_unique(what: str, rows: Iterable[Row], columns: tuple[str, ...]) -> None:
    counts = Counter(
        tuple(tuple(value) if isinstance(value := row[name], list) else value for name in columns)
        for row in rows
    )
    for key, count in counts.items():
        expect(count == 1, f"{what} {dict(zip(columns, key))} has {count} rows")


def _expect_covered(what: str, wanted: Counter, found: Counter) -> None:
    missing = wanted - found
    expect(not missing, f"{what}: {next(iter(missing), None)} ({len(missing)} in all)")
