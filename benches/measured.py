"""What the benchmarks of whole commands share: running one, and telling what it took."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

MIB = 1 << 20
READ_STEP = MIB
# Bytes on macOS, KiB elsewhere.
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Taken(NamedTuple):
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: float


def run(name: str, command: list[str], log: Path) -> Taken:
    """Runs a command to its end. What imports a lot must not call this: a child's peak memory begins
    with that of the process it was started from."""
    # Pages that the one before left to be written would be paid for by this one.
    os.sync()
    started = time.monotonic()
    with log.open("wb") as out:
        redirect = [(os.POSIX_SPAWN_DUP2, out.fileno(), descriptor) for descriptor in (1, 2)]
        child = os.posix_spawn(command[0], command, os.environ, file_actions=redirect)
        _, status, usage = os.wait4(child, 0)
    wall = time.monotonic() - started
    exit_code = os.waitstatus_to_exitcode(status)
    if exit_code != 0:
        sys.stderr.write(log.read_text(errors="replace"))
        raise SystemExit(f"measure: {name} ended with {exit_code}: {' '.join(command)}")
    return Taken(
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        wall_seconds=wall,
        peak_bytes=usage.ru_maxrss * MAXRSS_UNIT,
    )


def tell(number: int, name: str, cpu_seconds: float, wall_seconds: float) -> None:
    """Says what a round came to."""
    print(
        f"round {number}: {name}: {cpu_seconds:.2f} s CPU, {wall_seconds:.2f} s wall",
        file=sys.stderr,
    )


def warm(archive: Path) -> None:
    """Reads the archive once: the first to be measured would pay for the disk alone."""
    with archive.open("rb", buffering=0) as file:
        while file.read(READ_STEP):
            pass


def heading(archive: Path, threads: int, rounds: int) -> str:
    size = archive.stat().st_size / MIB
    return f"{archive.name}, {size:,.0f} MiB, {threads} threads, medians of {rounds} rounds\n"


def row(cells: list[str]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cells)} |"
