"""Exports archives with the smallest budget and checks the peak of the memory that it takes.

Exits with 1 where the peak is more than the budget and what the program may have beside it, or where
an event is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

MIB = 1 << 20
# The smallest budget that works, by the program's help, and what may come on top of any budget.
BUDGET = 256 * MIB
BESIDE = 64 * MIB
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


def export(runtrail: Path, archive: Path, folder: Path) -> tuple[dict[str, object], int]:
    """The summary of an export, and the peak of its memory."""
    # What this process holds counts as the child's until it has begun, so it holds next to nothing.
    summary = folder / "summary.json"
    command = [runtrail, "export", archive, "--to", folder / "lake", "--format", "json"]
    command += ["--memory", str(BUDGET), "--threads", "2"]
    with summary.open("wb") as out:
        streams = [(os.POSIX_SPAWN_DUP2, out.fileno(), 1)]
        child = os.posix_spawn(runtrail, command, os.environ, file_actions=streams)
        _, status, usage = os.wait4(child, 0)
    exit_code = os.waitstatus_to_exitcode(status)
    if exit_code != 0:
        raise SystemExit(f"memory: the export ended with {exit_code}")
    return json.loads(summary.read_text()), usage.ru_maxrss * MAXRSS_UNIT


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archives", nargs="+", type=Path, metavar="ARCHIVE")
    parser.add_argument("--runtrail", required=True, type=Path)
    parser.add_argument("--events", required=True, type=int)
    arguments = parser.parse_args()
    wrong = 0
    for archive in arguments.archives:
        with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
            summary, peak = export(arguments.runtrail, archive, Path(folder))
        written = summary["events_written"]
        within = peak <= BUDGET + BESIDE and written == arguments.events
        wrong += not within
        print(
            f"memory: {archive.name}, {archive.stat().st_size // MIB} MiB: peak {peak // MIB} MiB"
            f" of {BUDGET // MIB} + {BESIDE // MIB}, {written:,} of {arguments.events:,} events"
            f"{'' if within else ': WRONG'}"
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
