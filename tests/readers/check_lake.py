"""Checks a lake against the archives it was exported from.

DuckDB, PyArrow and Polars read the lake; Python's own json module reads the archives.
Exits with 1 and the first difference where they do not agree.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from difference import Difference, expect, expect_equal
from event_rows import check_event_rows, check_sums
from lake_files import check_files, present_tables
from lake_schema import SIDE_FOLDER, TABLES, expected_columns
from link_rows import check_link_rows, links_of
from readers import PARTITION_KEYS, READERS, DuckDb
from source import Event, Reading, read_sources
from span_rows import check_span_rows, read_rows


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="+", metavar="SOURCE")
    parser.add_argument("--lake", required=True, type=Path)
    parser.add_argument("--expect-quarantined", type=int, default=0, metavar="N")
    parser.add_argument("--assume-tz", choices=["UTC"], help="as it was given to the export")
    parser.add_argument(
        "--tables",
        type=lambda names: names.split(","),
        help="tables that have to be there (default: events, and what else the lake has)",
    )
    return parser.parse_args()


def check_quarantine(lake: Path, readings: list[Reading], expected: int) -> None:
    rejects = [reject for reading in readings for reject in reading.rejects]
    first = f" (first: {rejects[0]})" if rejects else ""
    expect_equal(f"bad records in the source{first}", len(rejects), expected)
    files = sorted((lake / SIDE_FOLDER / "quarantine").glob("*"))
    lines = sum(len(path.read_bytes().splitlines()) for path in files)
    expect_equal("lines in the quarantine", lines, expected)


def check_tables_present(lake: Path, wanted: list[str], events: list[Event]) -> list[str]:
    present = present_tables(lake)
    # A table without rows has no folder.
    empty = set()
    if not any(event.kind == "group_start" for event in events):
        empty.add("groups")
    if not links_of(events):
        empty.add("links")
    for table in set(wanted) - empty:
        expect(table in present, f"{lake} has no table {table}")
    return present


def check_readers_agree(lake: Path, table: str) -> int:
    """Every reader sees the columns of the table and the same number of rows."""
    counts = {}
    for reader_class in READERS:
        reader = reader_class(lake / table)
        types = reader.types()
        columns = expected_columns(table, set(types))
        names = [name for name in types if name not in PARTITION_KEYS]
        where = f"{reader.name}: {table}"
        expect_equal(f"{where} columns", names, [column.name for column in columns])
        for column in columns:
            expect_equal(f"{where}.{column.name}", types[column.name], reader.TYPES[column.type])
        counts[reader.name] = reader.count()
    expect(len(set(counts.values())) == 1, f"rows of {table} differ: {counts}")
    return counts[DuckDb.name]


def check_lake(arguments: argparse.Namespace, readings: list[Reading]) -> dict[str, int]:
    """Checks everything and returns the number of rows by table."""
    lake = arguments.lake
    events = [event for reading in readings for event in reading.events]
    check_quarantine(lake, readings, arguments.expect_quarantined)
    tables = check_tables_present(lake, arguments.tables or ["events"], events)
    rows = {}
    for table in tables:
        check_files(lake, table)
        rows[table] = check_readers_agree(lake, table)
    expect_equal("rows of events", rows["events"], len(events))
    check_sums(DuckDb(lake / "events"), events)
    for reader_class in READERS:
        try:
            check_event_rows(reader_class(lake / "events"), events)
            others = [table for table in tables if table != "events"]
            found = {table: read_rows(reader_class(lake / table), table) for table in others}
            check_span_rows(found, events)
            if "links" in found:
                check_link_rows(found["links"], events)
        except Difference as difference:
            raise Difference(f"{reader_class.name}: {difference}") from difference
    return rows


def main() -> int:
    arguments = parse_arguments()
    unknown = set(arguments.tables or ()) - TABLES.keys()
    if unknown:
        print(f"check_lake: no such table: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    readings = read_sources(arguments.sources, assume_utc=arguments.assume_tz == "UTC")
    try:
        rows = check_lake(arguments, readings)
    except Difference as difference:
        print(f"check_lake: {arguments.lake}: {difference}", file=sys.stderr)
        return 1
    for reading in readings:
        print(reading.summary())
    figures = ", ".join(f"{table} {count:,}" for table, count in rows.items())
    print(f"{arguments.lake}: {figures}; DuckDB, PyArrow and Polars agree with the source")
    return 0


if __name__ == "__main__":
    sys.exit(main())
