"""Proves that the lake checks can fail: damages copies of a good lake, each in one place.

Takes the arguments of check_lake.py. Exits with 1 if a damaged copy is accepted.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from check_lake import check_lake, parse_arguments
from difference import Difference
from source import read_sources

Damage = Callable[[Path], None]
Change = Callable[[list[dict[str, Any]]], object]


def largest_part(lake: Path, table: str) -> Path:
    return max((lake / table).rglob("*.parquet"), key=lambda path: (path.stat().st_size, path))


def rewrite(path: Path, table: pyarrow.Table, schema: pyarrow.Schema) -> None:
    """Writes a part again as it was, but for its rows and schema."""
    with pyarrow.parquet.ParquetFile(path) as file:
        sorting = file.metadata.row_group(0).sorting_columns
        metadata = dict(file.metadata.metadata)
    writer = pyarrow.parquet.ParquetWriter(
        path, schema, store_schema=False, sorting_columns=sorting or None
    )
    writer.add_key_value_metadata(metadata)
    writer.write_table(table.rename_columns(schema.names).cast(schema))
    writer.close()


def rows(table: str, change: Change) -> Damage:
    """Damage to the rows of the largest part of a table."""

    def damage(lake: Path) -> None:
        path = largest_part(lake, table)
        with pyarrow.parquet.ParquetFile(path) as file:
            schema, found = file.schema_arrow, file.read().to_pylist()
        change(found)
        rewrite(path, pyarrow.Table.from_pylist(found, schema=schema), schema)

    return damage


def schema(table: str, change: Callable[[pyarrow.Field], pyarrow.Field]) -> Damage:
    """Damage to the second field of the largest part of a table."""

    def damage(lake: Path) -> None:
        path = largest_part(lake, table)
        with pyarrow.parquet.ParquetFile(path) as file:
            found = file.read()
        rewrite(path, found, found.schema.set(1, change(found.schema.field(1))))

    return damage


def cell(table: str, column: str, change: Callable[[Any], Any]) -> Damage:
    """Damage to the first value of a column that the change makes another one."""

    def change_rows(found: list[dict[str, Any]]) -> None:
        for row in found:
            if row[column] is not None and change(row[column]) != row[column]:
                row[column] = change(row[column])
                return
        raise LookupError(f"{table}.{column} has no value to damage")

    return rows(table, change_rows)


def swap_ends(found: list[dict[str, Any]]) -> None:
    found[0], found[-1] = found[-1], found[0]


def unknown_parents(found: list[dict[str, Any]]) -> None:
    for index, row in enumerate(found):
        row["parent_span_id"] = f"{index:016x}"


def no_cost(found: list[dict[str, Any]]) -> None:
    for row in found:
        row["llm_cost_usd"] = row["llm_cost_usd"] or 0.0


def last_digit(text: str) -> str:
    return re.sub(r"\d(?=[,}])", lambda digit: str(9 - int(digit[0])), text, count=1)


def trailing_zero(text: str) -> str:
    return re.sub(r"(:-?\d+\.\d+)(?=[,}])", r"\g<1>0", text, count=1)


def first_members_swapped(text: str) -> str:
    return re.sub(r'^\{("\w+":[\w."]+),("\w+":[\w."]+)', r"{\2,\1", text)


def move_part(lake: Path) -> None:
    path = largest_part(lake, "events")
    folder = lake / "events" / "date=1999-12-31"
    folder.mkdir()
    path.rename(folder / path.name)


def stray_file(lake: Path) -> None:
    (lake / "events" / "_SUCCESS").touch()


def cut_part(lake: Path) -> None:
    path = largest_part(lake, "events")
    path.write_bytes(path.read_bytes()[:-1])


def later(moment: Any) -> Any:
    return moment + timedelta(microseconds=1)


DAMAGES: dict[str, Damage] = {
    "an event is missing": rows("events", lambda found: found.pop()),
    "an event stands twice": rows("events", lambda found: found.append(found[-1])),
    "two events are out of order": rows("events", swap_ends),
    "a payload differs in a digit": cell("events", "payload", last_digit),
    "a payload has a zero more": cell("events", "payload", trailing_zero),
    "a payload has its keys swapped": cell("events", "payload", first_members_swapped),
    "a payload is not JSON": cell("events", "payload", lambda text: text + "}"),
    "a payload is null": cell("events", "payload", lambda text: None),
    "an extra field is lost": cell("events", "extra", lambda text: None),
    "a timestamp is later": cell("events", "timestamp", later),
    "nanoseconds are lost": cell("events", "timestamp_nanos", lambda nanos: None),
    "a ctx is shorter": cell("events", "ctx", lambda ctx: ctx[:-1]),
    "a ctx path differs": cell("events", "ctx_path", lambda path: path + "/x"),
    "an op name is lost": cell("events", "op_name", lambda name: None),
    "a status is lost": cell("events", "status", lambda status: None),
    "a duration differs": cell("events", "duration_ms", lambda value: value * (1 + 1e-15)),
    "a token count differs": cell("events", "llm_prompt_tokens", lambda count: count + 1),
    "a size is lost": cell("events", "media_size_bytes", lambda size: None),
    "an op is missing": rows("ops", lambda found: found.pop()),
    "an op stands twice": rows("ops", lambda found: found.append(found[-1])),
    "an op's inputs differ": cell("ops", "inputs", lambda text: '"other"'),
    "the parents of ops are unknown": rows("ops", unknown_parents),
    "a group is missing": rows("groups", lambda found: found.pop()),
    "a run is missing": rows("runs", lambda found: found.pop()),
    "a run has an event more": cell("runs", "events", lambda count: count + 1),
    "a run has tokens more": cell("runs", "llm_total_tokens", lambda count: count + 1),
    "a run has a cost of 0": rows("runs", no_cost),
    "a link is missing": rows("links", lambda found: found.pop()),
    "a link stands twice": rows("links", lambda found: found.append(found[-1])),
    "a link comes from another event": cell("links", "from_event_id", lambda text: text + "0"),
    "a link's source is lost": cell("links", "from_id", lambda text: None),
    "a link's time is later": cell("links", "at", later),
    "a required column is nullable": schema("events", lambda field: field.with_nullable(True)),
    "a field has no id": schema("runs", lambda field: field.remove_metadata()),
    "a column has another name": schema("ops", lambda field: field.with_name("name")),
    "a part is in another partition": move_part,
    "a stray file is in a table folder": stray_file,
    "a part is cut": cut_part,
}


def refusal(arguments: argparse.Namespace, readings: Any, damage: Damage) -> str | None:
    with tempfile.TemporaryDirectory() as scratch:
        lake = Path(scratch) / "lake"
        shutil.copytree(arguments.lake, lake)
        damage(lake)
        try:
            check_lake(argparse.Namespace(**{**vars(arguments), "lake": lake}), readings)
        except Difference as error:
            return str(error).replace(scratch, "")
        return None


def main() -> int:
    arguments = parse_arguments()
    readings = read_sources(arguments.sources, assume_utc=arguments.assume_tz == "UTC")
    # Writing a part again must not be what the checks refuse.
    reason = refusal(arguments, readings, rows("events", lambda found: None))
    if reason is not None:
        print(f"tamper: a lake that was only rewritten is refused: {reason}", file=sys.stderr)
        return 1
    accepted = 0
    for what, damage in DAMAGES.items():
        reason = refusal(arguments, readings, damage)
        accepted += reason is None
        print(f"{what}: {'ACCEPTED' if reason is None else f'refused: {reason}'}")
    print(f"{len(DAMAGES) - accepted} of {len(DAMAGES)} damaged lakes refused")
    return 1 if accepted else 0


if __name__ == "__main__":
    sys.exit(main())
