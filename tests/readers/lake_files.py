"""Checks of a lake as files: names, partitions, Parquet schemas and declared order."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from difference import Difference, expect, expect_equal
from lake_schema import SIDE_FOLDER, TABLES, expected_columns
from readers import PARTITION_KEYS, PyArrow, columns_of

PART_NAME = re.compile(r"part-[0-9A-Za-z_-]+\.parquet")
FIELD_ID = b"PARQUET:field_id"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PARTITION_FORMS = {"date": "%Y-%m-%d", "hour": "%H"}
# Nanoseconds may stand between: without them the order of two events within a microsecond is lost.
EVENT_ORDERS = (
    ["request_id", "timestamp", "seq"],
    ["request_id", "timestamp", "timestamp_nanos", "seq"],
)
# What a row is partitioned by; the second stands in where a row has no first.
TIME_COLUMNS = {"events": ["timestamp"], "links": ["at"]}
START_COLUMNS = ["started_at", "ended_at"]


def present_tables(lake: Path) -> list[str]:
    """The table folders of a lake; anything beside them has to be the side folder."""
    names = {entry.name for entry in lake.iterdir()}
    strangers = names - TABLES.keys() - {SIDE_FOLDER}
    expect(not strangers, f"{lake} holds {sorted(strangers)} beside its tables")
    return [table for table in TABLES if table in names]


def check_files(lake: Path, table: str) -> int:
    """Checks every file of one table and returns how many there are."""
    folder = lake / table
    paths = sorted(path for path in folder.rglob("*") if not path.is_dir())
    expect(bool(paths), f"{folder} holds no file: a reader cannot open it")
    partitionings = set()
    field_ids = {}
    for path in paths:
        expect(
            path.is_file() and PART_NAME.fullmatch(path.name) is not None,
            f"{path} is not a Parquet part, and stands in a table folder",
        )
        partition = _partition(path.relative_to(folder))
        partitionings.add(tuple(partition))
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                field_ids[path] = _check_schema(path, table, file)
                _check_metadata(path, table, file)
                _check_partition(path, table, file, partition)
                _check_order(path, table, file)
        except pyarrow.ArrowException as error:
            raise Difference(f"{path} cannot be read: {error}") from error
    expect(len(partitionings) == 1, f"{folder} mixes partitionings {sorted(partitionings)}")
    expect(
        len({tuple(ids) for ids in field_ids.values()}) == 1,
        f"{folder}: field ids differ between files",
    )
    return len(paths)


def _partition(relative: Path) -> dict[str, str]:
    partition = {}
    for part in relative.parent.parts:
        key, separator, value = part.partition("=")
        expect(
            separator == "=" and key in PARTITION_KEYS,
            f"{relative} stands in a folder that is not a partition",
        )
        partition[key] = value
    return partition


def _check_schema(path: Path, table: str, file: pyarrow.parquet.ParquetFile) -> list[int]:
    fields = list(file.schema_arrow)
    names = [field.name for field in fields]
    columns = expected_columns(table, set(names))
    expect_equal(f"{path}: the columns", names, [column.name for column in columns])
    for field, column in zip(fields, columns):
        expect_equal(f"{path}: type of {column.name}", field.type, PyArrow.TYPES[column.type])
        expect_equal(f"{path}: {column.name} nullable", field.nullable, not column.required)
    return _field_ids(path, fields)


def _field_ids(path: Path, fields: list[pyarrow.Field]) -> list[int]:
    elements = [field.type.value_field for field in fields if pyarrow.types.is_list(field.type)]
    ids = []
    for field in fields + elements:
        text = (field.metadata or {}).get(FIELD_ID)
        expect(text is not None, f"{path}: {field.name} has no Parquet field id")
        ids.append(int(text))
    expect(len(set(ids)) == len(ids), f"{path}: field ids {ids} are not all different")
    return ids


def _check_metadata(path: Path, table: str, file: pyarrow.parquet.ParquetFile) -> None:
    metadata = file.metadata.metadata or {}
    expect_equal(f"{path}: runtrail.table", metadata.get(b"runtrail.table"), table.encode())
    for key in (b"runtrail.schema_version", b"runtrail.part"):
        expect(bool(metadata.get(key)), f"{path}: no {key.decode()} in the file's metadata")


def _check_partition(
    path: Path, table: str, file: pyarrow.parquet.ParquetFile, partition: dict[str, str]
) -> None:
    names = TIME_COLUMNS.get(table, START_COLUMNS)
    columns = columns_of(file.read(columns=names))
    for times in set(zip(*(columns[name] for name in names))):
        micros = next((time for time in times if time is not None), None)
        if micros is None:
            continue
        moment = EPOCH + timedelta(microseconds=micros)
        for key, value in partition.items():
            expect_equal(
                f"{path}: {key} of a row at {moment.isoformat()}",
                value,
                moment.strftime(PARTITION_FORMS[key]),
            )


def _check_order(path: Path, table: str, file: pyarrow.parquet.ParquetFile) -> None:
    for index in range(file.num_row_groups):
        group = file.metadata.row_group(index)
        declared = group.sorting_columns
        names = [group.column(column.column_index).path_in_schema for column in declared]
        if table == "events":
            expect(
                names in EVENT_ORDERS,
                f"{path}: row group {index} declares the order {names}, expected {EVENT_ORDERS[0]}",
            )
        if declared:
            keys = _sort_keys(file.read_row_group(index, columns=names), names, declared)
            _expect_sorted(f"{path}: row group {index}", names, keys)


def _sort_keys(table: pyarrow.Table, names: list[str], declared: Any) -> list[tuple[Any, ...]]:
    columns = columns_of(table)
    keyed = []
    for name, order in zip(names, declared):
        if order.descending:
            raise Difference(f"{name} is declared as descending")
        null_rank = 0 if order.nulls_first else 2
        keyed.append([(null_rank, 0) if value is None else (1, value) for value in columns[name]])
    return list(zip(*keyed))


def _expect_sorted(where: str, names: list[str], keys: list[tuple[Any, ...]]) -> None:
    for row, (before, after) in enumerate(pairwise(keys)):
        if before > after:
            values = [tuple(value for _, value in key) for key in (before, after)]
            raise Difference(
                f"{where} is not in its declared order by {names}:"
                f" row {row} {values[0]} stands before {values[1]}"
            )
