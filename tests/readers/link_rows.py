"""Checks of the links table against the annotations that the links were written in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from difference import expect
from exact_json import LENIENT, Members
from source import Event, nanos_assuming_utc

LINK_KEY = "runtrail.link"


class Link(NamedTuple):
    """A row of the links table, its time in nanoseconds."""

    source: str
    from_event_id: str | None
    from_request_id: str | None
    from_id: str | None
    to_request_id: str
    trigger_id: str | None
    condition_id: str | None
    trigger_run_id: str | None
    nanos: int


def check_link_rows(rows: list[dict[str, Any]], source: list[Event]) -> None:
    wanted, found = Counter(links_of(source)), Counter(map(_link_of_row, rows))
    for what, these, those in (
        ("only in the source", wanted, found),
        ("only in the lake", found, wanted),
    ):
        strangers = these - those
        expect(not strangers, f"{what}: {next(iter(strangers), None)} ({len(strangers)} in all)")


def links_of(source: Iterable[Event]) -> list[Link]:
    found = (link_of(event) for event in source)
    return [link for link in found if link is not None]


def link_of(event: Event) -> Link | None:
    """The link that an annotation holds; anything that lacks what a link needs is a mere note."""
    if event.promoted.get("annotation_key") != LINK_KEY or event.kind != "annotation":
        return None
    value = LENIENT.decode(event.payload).get("value")
    if not isinstance(value, Members):
        return None

    def text(key: str) -> str | None:
        found = value.get(key)
        return found if isinstance(found, str) else None

    try:
        nanos = nanos_assuming_utc(text("at") or "")
    except ValueError:
        return None
    event_id, run, other = text("from_event_id"), text("from_request_id"), text("from_id")
    kind = text("source")
    if kind is None:
        kind = "run" if event_id is None else "event"
    ends = {"event": (event_id, run, None), "run": (None, run, None), "clock": (None, None, None)}
    needed = {"event": event_id, "run": run, "clock": kind}.get(kind, other)
    if needed is None:
        return None
    return Link(
        kind,
        *ends.get(kind, (None, None, other)),
        event.request_id,
        text("trigger_id"),
        text("condition_id"),
        text("trigger_run_id"),
        nanos,
    )


def _link_of_row(row: dict[str, Any]) -> Link:
    nanos = row["at_nanos"]
    expect(nanos is None or 1 <= nanos <= 999, f"at_nanos is {nanos}: 1 to 999, or null for 0")
    texts = {name: row[name] for name in Link._fields if name in row}
    return Link(**texts, nanos=row["at"] * 1000 + (nanos or 0))
