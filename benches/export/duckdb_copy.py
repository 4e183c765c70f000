"""The peer of `runtrail export`: DuckDB's COPY of an archive into one Parquet file.

usage: duckdb_copy.py ARCHIVE FILE THREADS [MEMORY]

It reads with columns given, as a user who cares for speed would, and keeps the payload as JSON
text. It neither drops repeats nor orders the events.
"""

from __future__ import annotations

import sys

import duckdb

COLUMNS = {
    "event_id": "VARCHAR",
    "request_id": "VARCHAR",
    "kind": "VARCHAR",
    "op_name": "VARCHAR",
    "ctx": "VARCHAR[]",
    "timestamp": "TIMESTAMP",
    "seq": "BIGINT",
    "payload": "JSON",
}
MAXIMUM_OBJECT_BYTES = 64 << 20


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def copy_statement(archive: str, file: str) -> str:
    columns = ", ".join(f"{quoted(name)}: {quoted(type_)}" for name, type_ in COLUMNS.items())
    names = ", ".join(f'"{name}"' for name in COLUMNS if name != "payload")
    return (
        f"COPY (SELECT {names}, payload::VARCHAR AS payload FROM read_json({quoted(archive)},"
        f" format = 'newline_delimited', columns = {{{columns}}},"
        f" maximum_object_size = {MAXIMUM_OBJECT_BYTES}))"
        f" TO {quoted(file)} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3)"
    )


def main(archive: str, file: str, threads: str, memory: str | None = None) -> None:
    connection = duckdb.connect()
    connection.execute(f"SET threads = {int(threads)}")
    if memory:
        connection.execute(f"SET memory_limit = {quoted(memory)}")
    connection.execute(copy_statement(archive, file))


if __name__ == "__main__":
    main(*sys.argv[1:])
