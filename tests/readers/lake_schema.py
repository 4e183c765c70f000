"""The tables of a lake: their columns in order, their types, and which are never null."""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    name: str
    type: str
    required: bool
    optional: bool


def _columns(description: str) -> list[Column]:
    """One line per stretch of one type: the type, then the names.

    `name!` is never null; `name?` is a column that a table may leave out.
    """
    columns = []
    for line in description.strip().splitlines():
        type_name, *names = line.split()
        columns += [
            Column(name.rstrip("!?"), type_name, name.endswith("!"), name.endswith("?"))
            for name in names
        ]
    return columns


TABLES: dict[str, list[Column]] = {
    "events": _columns("""
        string     event_id! request_id! kind! op_name
        strings    ctx
        string     ctx_path
        timestamp  timestamp!
        smallint   timestamp_nanos
        bigint     seq!
        string     status
        double     duration_ms
        bigint     yield_index yield_count
        string     annotation_key group_name llm_model
        bigint     llm_prompt_tokens llm_completion_tokens llm_total_tokens
        double     llm_cost_usd
        string     media_handle media_mime
        bigint     media_size_bytes
        string     payload extra
    """),
    "ops": _columns("""
        string     request_id! op_name!
        strings    ctx
        bigint     occurrence!
        string     span_id! parent_span_id parent_rule! group_name group_span_id
        bigint     depth
        timestamp  started_at
        smallint   started_at_nanos?
        timestamp  ended_at
        smallint   ended_at_nanos?
        double     duration_ms
        string     status! error_type error_message
        bigint     yield_count
        string     llm_model
        bigint     llm_calls llm_prompt_tokens llm_completion_tokens llm_total_tokens
        double     llm_cost_usd
        string     inputs outputs annotations start_event_id end_event_id
        boolean    incomplete!
    """),
    "groups": _columns("""
        string     request_id! name!
        bigint     occurrence!
        string     span_id! parent_span_id
        timestamp  started_at
        smallint   started_at_nanos?
        timestamp  ended_at
        smallint   ended_at_nanos?
        double     duration_ms
        string     status!
        bigint     ops errors llm_calls? llm_prompt_tokens llm_completion_tokens llm_total_tokens
        double     llm_cost_usd
        string     metadata
        boolean    incomplete!
    """),
    "runs": _columns("""
        string     request_id!
        timestamp  started_at
        smallint   started_at_nanos?
        timestamp  ended_at
        smallint   ended_at_nanos?
        double     duration_ms
        string     status!
        bigint     events ops errors groups truncated_ops truncated_groups anomalies
        bigint     llm_calls? llm_prompt_tokens llm_completion_tokens llm_total_tokens
        double     llm_cost_usd
        strings    llm_models
    """),
    "links": _columns("""
        string     from_event_id from_request_id to_request_id! trigger_id condition_id
        timestamp  at!
        smallint   at_nanos
        string     trigger_run_id source! from_id
    """),
}

SIDE_FOLDER = "_runtrail"


def expected_columns(table: str, present: set[str]) -> list[Column]:
    """The columns a file of `table` has to have, given the names that are there."""
    return [column for column in TABLES[table] if not column.optional or column.name in present]
