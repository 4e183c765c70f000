"""What is exported: an archive into a new lake, or what it has grown by into the lake that holds the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator

from leftovers import CARRIED, TABLES, Files, parts_of


class Scenario:
    """An archive that is exported once."""

    name = "first export"
    settings: tuple[str, ...] = ()
    # Beside those at system calls.
    timed_kills = 40

    def pieces(self, archive: bytes) -> list[bytes]:
        """What the archive consists of: all but the last piece is exported before anything is disturbed."""
        return [archive]

    def lacks(self, before: Files, whole: Files) -> Iterator[str]:
        """What the disturbed export does not do, so that disturbing it would prove nothing of that."""
        dates = {path.split("/")[1] for path in parts_of(whole)}
        tables = {path.split("/")[0] for path in parts_of(whole)}
        if tables != set(TABLES) or len(dates) < 2:
            yield f"the archive gives only {sorted(tables)} on {sorted(dates)}"


class Growing(Scenario):
    """An archive that has grown since it was exported, in the middle of a line and of runs."""

    name = "growing export"
    settings = ("--open-runs", "carry")
    timed_kills = 15

    def pieces(self, archive: bytes) -> list[bytes]:
        lines = archive.splitlines(keepends=True)
        at = len(lines) * 3 // 5
        cut = len(lines[at]) // 2
        return [
            b"".join([*lines[:at], *crossing(RUNS_BEFORE, 0), lines[at][:cut]]),
            b"".join([lines[at][cut:], *lines[at + 1 :], *crossing(RUNS_AFTER, 10)]),
        ]

    def lacks(self, before: Files, whole: Files) -> Iterator[str]:
        yield from super().lacks(before, whole)
        then, now = carried_runs(before), carried_runs(whole)
        both = then.keys() & now.keys()
        happens = {
            "a part gives way": parts_of(before).keys() - parts_of(whole).keys(),
            "a part stays": parts_of(before).keys() & parts_of(whole).keys(),
            "a carried run ends": then.keys() - now.keys(),
            "a carried run goes on and is carried again": [run for run in both if then[run] != now[run]],
            "a carried run waits": [run for run in both if then[run] == now[run]],
            "another run is carried": now.keys() - then.keys(),
        }
        yield from (f"it is not so that {what}" for what, found in happens.items() if not found)


SCENARIOS = {scenario.name: scenario for scenario in (Scenario(), Growing())}

# What the events of a run are, before and after the archive has grown: the kind of each and its op.
Run = tuple[tuple[str, str], ...]
RUNS_BEFORE: dict[str, Run] = {
    "closed-and-goes-on": (("op_start", "main.a"), ("op_end", "main.a")),
    "open-and-ends": (("op_start", "main.a"),),
    "open-and-goes-on": (("op_start", "main.a"),),
    "open-and-waits": (("op_start", "main.a"),),
}
RUNS_AFTER: dict[str, Run] = {
    "closed-and-goes-on": (("op_start", "main.b"), ("op_end", "main.b")),
    "open-and-ends": (("op_end", "main.a"),),
    "open-and-goes-on": (("op_start", "main.b"),),
    "begins-and-is-open": (("op_start", "main.a"),),
}


def crossing(runs: dict[str, Run], first: int) -> Iterator[bytes]:
    """The lines of runs whose events are numbered from `first` on, a second for each number."""
    for run, steps in runs.items():
        for seq, (kind, op) in enumerate(steps, first):
            event = {
                "event_id": f"{run}-{seq}",
                "request_id": run,
                "kind": kind,
                "op_name": op,
                "ctx": ["main"],
                "timestamp": f"2026-03-28T12:00:{seq:02}Z",
                "seq": seq,
                "payload": {"status": "ok"} if kind == "op_end" else {"inputs": run},
            }
            yield json.dumps(event).encode() + b"\n"


def carried_runs(files: Files) -> dict[str, bytes]:
    """What a lake keeps of each run that is open."""
    lines = [
        line
        for path, held in files.items()
        if path.startswith(CARRIED)
        for line in held.splitlines()
    ]
    return {json.loads(line)["request_id"]: line for line in lines}
