"""What the benchmarks of whole commands share: running one, and telling what it took."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

MIB = 1 << 20
READ_STEP = MIB
# Bytes on macOS, KiB elsewhere.
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


def parser(prog: str, description: str | None) -> argparse.ArgumentParser:
    """Makes a parser of what all of them take; `checked` parses with it."""
    made = argparse.ArgumentParser(prog=prog, description=description)
    made.add_argument("archive", type=Path, help="JSON Lines, not compressed")
    made.add_argument("--runtrail", type=Path, required=True, help=argparse.SUPPRESS)
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--threads", type=int, default=2)
    made.add_argument("--memory", help="given to runtrail (default: its own)")
    made.add_argument(
        "--scratch", type=Path, help="where outputs go (default: a temporary folder)"
    )
    return made


def checked(options: argparse.ArgumentParser) -> argparse.Namespace:
    """Parses the command line, and makes ready what it names."""
    arguments = options.parse_args()
    if arguments.rounds < 1 or not arguments.archive.is_file():
        options.error("ARCHIVE has to be a file, and --rounds at least 1")
    if arguments.scratch:
        arguments.scratch.mkdir(parents=True, exist_ok=True)
    warm(arguments.archive)
    return arguments


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


def heading(arguments: argparse.Namespace) -> str:
    archive = arguments.archive
    size = archive.stat().st_size / MIB
    return (
        f"{archive.name}, {size:,.0f} MiB, {arguments.threads} threads,"
        f" medians of {arguments.rounds} rounds\n"
    )


def row(cells: list[str]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cells)} |"
