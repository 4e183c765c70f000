"""One table folder of a lake as DuckDB, PyArrow and Polars read it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import polars
import pyarrow
import pyarrow.dataset

PARTITION_KEYS = {"date", "hour"}


class DuckDb:
    name = "DuckDB"
    TYPES = {
        "string": "VARCHAR",
        "strings": "VARCHAR[]",
        "timestamp": "TIMESTAMP WITH TIME ZONE",
        "smallint": "SMALLINT",
        "bigint": "BIGINT",
        "double": "DOUBLE",
        "boolean": "BOOLEAN",
    }

    def __init__(self, folder: Path) -> None:
        pattern = str(folder / "**" / "*.parquet").replace("'", "''")
        self._source = f"read_parquet('{pattern}')"
        self._connection = duckdb.connect(config={"threads": 2})

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query over `{table}`."""
        return self._connection.sql(sql.format(table=self._source)).fetchall()

    def count(self) -> int:
        return self.query("select count(*) from {table}")[0][0]

    def types(self) -> dict[str, Any]:
        relation = self._connection.sql(f"from {self._source} limit 0")
        return dict(zip(relation.columns, map(str, relation.types)))

    def read(self, columns: Iterable[str]) -> pyarrow.Table:
        names = ", ".join(f'"{column}"' for column in columns)
        return self._connection.sql(f"select {names} from {self._source}").to_arrow_table()


class PyArrow:
    name = "PyArrow"
    TYPES = {
        "string": pyarrow.string(),
        "strings": pyarrow.list_(pyarrow.string()),
        "timestamp": pyarrow.timestamp("us", "UTC"),
        "smallint": pyarrow.int16(),
        "bigint": pyarrow.int64(),
        "double": pyarrow.float64(),
        "boolean": pyarrow.bool_(),
    }

    def __init__(self, folder: Path) -> None:
        self._dataset = pyarrow.dataset.dataset(folder, format="parquet", partitioning="hive")

    def count(self) -> int:
        return self._dataset.count_rows()

    def types(self) -> dict[str, Any]:
        return {field.name: field.type for field in self._dataset.schema}

    def read(self, columns: Iterable[str]) -> pyarrow.Table:
        return self._dataset.to_table(columns=list(columns))


class Polars:
    name = "Polars"
    TYPES = {
        "string": polars.String,
        "strings": polars.List(polars.String),
        "timestamp": polars.Datetime("us", "UTC"),
        "smallint": polars.Int16,
        "bigint": polars.Int64,
        "double": polars.Float64,
        "boolean": polars.Boolean,
    }

    def __init__(self, folder: Path) -> None:
        self._frame = polars.scan_parquet(folder)

    def count(self) -> int:
        return self._frame.select(polars.len()).collect().item()

    def types(self) -> dict[str, Any]:
        return dict(self._frame.collect_schema())

    def read(self, columns: Iterable[str]) -> pyarrow.Table:
        return self._frame.select(list(columns)).collect().to_arrow()


READERS = (DuckDb, PyArrow, Polars)


def columns_of(table: pyarrow.Table) -> dict[str, list[Any]]:
    """Plain Python values by column; a timestamp as its integer of microseconds."""
    columns = {}
    for name, values in zip(table.column_names, table.columns):
        is_time = pyarrow.types.is_timestamp(values.type)
        columns[name] = (values.cast(pyarrow.int64()) if is_time else values).to_pylist()
    return columns


def rows_of(table: pyarrow.Table) -> list[dict[str, Any]]:
    columns = columns_of(table)
    return [dict(zip(columns, values)) for values in zip(*columns.values())]
