"""Checks a lake as Spark reads it against the archives it was exported from.

Takes the arguments of check_lake.py. Exits with 1 and the first difference where they do not agree.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow
from pyspark.sql import SparkSession

from check_lake import check_tables_present, parse_arguments
from difference import Difference, expect_equal
from event_rows import check_event_rows, check_sums
from lake_schema import expected_columns
from link_rows import check_link_rows
from readers import PARTITION_KEYS
from source import Event, read_sources
from span_rows import check_span_rows, read_rows


class Spark:
    name = "Spark"
    TYPES = {
        "string": "string",
        "strings": "array<string>",
        "timestamp": "timestamp",
        "smallint": "smallint",
        "bigint": "bigint",
        "double": "double",
        "boolean": "boolean",
    }

    def __init__(self, session: SparkSession, folder: Path) -> None:
        self._session = session
        self._frame = session.read.parquet(str(folder))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query over `{table}`."""
        self._frame.createOrReplaceTempView("lake_table")
        return [tuple(row) for row in self._session.sql(sql.format(table="lake_table")).collect()]

    def count(self) -> int:
        return self._frame.count()

    def types(self) -> dict[str, str]:
        return {field.name: field.dataType.simpleString() for field in self._frame.schema}

    def read(self, columns: Any) -> pyarrow.Table:
        return self._frame.select(*columns).toArrow()


def open_session() -> SparkSession:
    builder = SparkSession.builder.master("local[2]").appName("lake")
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def check_columns(spark: Spark, table: str) -> None:
    types = spark.types()
    columns = expected_columns(table, set(types))
    names = [name for name in types if name not in PARTITION_KEYS]
    expect_equal(f"{table} columns", names, [column.name for column in columns])
    for column in columns:
        expect_equal(f"{table}.{column.name}", types[column.name], Spark.TYPES[column.type])


def check(session: SparkSession, lake: Path, wanted: list[str], events: list[Event]) -> str:
    rows, figures = {}, []
    for table in check_tables_present(lake, wanted, events):
        spark = Spark(session, lake / table)
        check_columns(spark, table)
        figures.append(f"{table} {spark.count():,}")
        if table == "events":
            expect_equal("rows of events", spark.count(), len(events))
            check_sums(spark, events)
            check_event_rows(spark, events)
        else:
            rows[table] = read_rows(spark, table)
    check_span_rows(rows, events)
    check_link_rows(rows.get("links", []), events)
    return ", ".join(figures)


def main() -> int:
    arguments = parse_arguments()
    readings = read_sources(arguments.sources, assume_utc=arguments.assume_tz == "UTC")
    events = [event for reading in readings for event in reading.events]
    session = open_session()
    try:
        figures = check(session, arguments.lake, arguments.tables or ["events"], events)
    except Difference as difference:
        print(f"check_spark: {arguments.lake}: {difference}", file=sys.stderr)
        return 1
    finally:
        session.stop()
    print(f"{arguments.lake}: {figures}; Spark agrees with the source")
    return 0


if __name__ == "__main__":
    sys.exit(main())
