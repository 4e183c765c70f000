"""Checks that a trigger store, a lake and OpenTelemetry spans hold the same chain of runs.

FOLDER holds what the example engine and the exports of its archive wrote: triggers.db, lake and
spans.jsonl. No code of Runtrail's is used but the program itself, where it is what is judged.
Exits with 1 and the first difference where they do not agree.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

# What the engine does, by its own description: an order triggers two runs, one of them a third.
FIRST_RUN, LAST_RUN = "shop-7", "ledger-1"
STARTED = {
    ("order-1", "shop-7", "mail-1", "send-mail", "order.created"),
    ("order-1", "shop-7", "bill-1", "send-bill", "order.created"),
    ("paid-1", "bill-1", "ledger-1", "keep-books", "bill.paid"),
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LINK = "runtrail.link"


class Edge(NamedTuple):
    """One thing that started a run."""

    from_event_id: str
    from_request_id: str
    to_request_id: str
    trigger_id: str
    condition_id: str
    trigger_run_id: str
    at_micros: int


class Wrong(Exception):
    """What does not agree."""


def micros(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // MICROSECOND


def edges_of_store(runtrail: Path, store: Path, run: str) -> Iterator[tuple[int, Edge]]:
    """The steps of a run's chain with their depths, negative ones before the run."""
    command = [runtrail, "triggers", store, "chain", run, "--format", "json"]
    chain = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    if chain["request_id"] != run or chain["truncated"]:
        raise Wrong(f"the chain of {run} is another's or cut: {chain}")
    for link in chain["links"]:
        texts = {name: link[name] for name in Edge._fields if name in link}
        yield link["depth"], Edge(**texts, at_micros=micros(link["at"]))


def edges_of_lake(lake: Path) -> list[Edge]:
    columns = ", ".join(Edge._fields[:-1])
    pattern = str(lake / "links" / "**" / "*.parquet").replace("'", "''")
    query = f"select {columns}, epoch_us(\"at\") from read_parquet('{pattern}')"
    return [Edge(*row) for row in duckdb.sql(query).fetchall()]


def edges_of_spans(path: Path) -> list[Edge]:
    """The links of spans. What a link leads to is looked up by its ids among the spans."""
    spans = list(read_spans(path))
    runs = {
        (span["traceId"], span["spanId"]): attributes(span)["runtrail.run.id"]
        for span in spans
        if not span.get("parentSpanId")
    }
    found = []
    for span in spans:
        for link in span.get("links", []):
            said = attributes(link)
            place = link["traceId"], link["spanId"]
            if said[LINK] != "trigger" or runs.get(place) != said[f"{LINK}.run_id"]:
                raise Wrong(f"a link does not lead to the root of its run: {link}")
            edge = Edge(
                said[f"{LINK}.event_id"],
                runs[place],
                runs[span["traceId"], span["spanId"]],
                said[f"{LINK}.trigger_id"],
                said[f"{LINK}.condition_id"],
                said[f"{LINK}.trigger_run_id"],
                micros(said[f"{LINK}.at"]),
            )
            found.append(edge)
    return found


def read_spans(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                yield from scope["spans"]


def attributes(owner: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a span or link, by key; a value without its type."""
    return {entry["key"]: next(iter(entry["value"].values())) for entry in owner["attributes"]}


def expect_same(what: str, found: list[Edge], wanted: set[Edge]) -> None:
    if len(found) != len(set(found)):
        raise Wrong(f"{what} has an edge twice: {sorted(found)}")
    for edge in sorted(set(found) ^ wanted):
        where = "only" if edge in found else "not"
        raise Wrong(f"{edge} is {where} in {what}")


def way_back(edges: set[Edge], run: str) -> set[Edge]:
    """Every edge that leads to a run, over whatever others."""
    leading = {edge for edge in edges if edge.to_request_id == run}
    return leading.union(*(way_back(edges, edge.from_request_id) for edge in leading))


def check(folder: Path, runtrail: Path) -> set[Edge]:
    steps = list(edges_of_store(runtrail, folder / "triggers.db", FIRST_RUN))
    edges = {edge for _, edge in steps}
    if {edge[:5] for edge in edges} != STARTED:
        raise Wrong(f"the engine started something else: {sorted(edges)}")
    depths = {edge.to_request_id: depth for depth, edge in steps}
    if depths != {"mail-1": 1, "bill-1": 1, LAST_RUN: 2}:
        raise Wrong(f"the depths of the chain are {depths}")
    expect_same("the chain in the store", [edge for _, edge in steps], edges)
    expect_same("the table of links", edges_of_lake(folder / "lake"), edges)
    expect_same("the links of spans", edges_of_spans(folder / "spans.jsonl"), edges)
    back = list(edges_of_store(runtrail, folder / "triggers.db", LAST_RUN))
    if {depth for depth, _ in back} != {-1, -2}:
        raise Wrong(f"the way back has other depths: {back}")
    expect_same("the way back", [edge for _, edge in back], way_back(edges, LAST_RUN))
    return edges


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--runtrail", required=True, type=Path)
    arguments = parser.parse_args()
    try:
        edges = check(arguments.folder, arguments.runtrail)
    except Wrong as wrong:
        print(f"chain: {wrong}", file=sys.stderr)
        return 1
    print(f"chain: {len(edges)} links are the same in the store, in the lake and in the spans")
    return 0


if __name__ == "__main__":
    sys.exit(main())
