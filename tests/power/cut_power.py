"""Cuts the power of exports, and checks that every file that was said to be there is there, whole.

An export is stopped when it makes a folder durable, or a file. What its system calls had come to by then
is in strace's log: a name that was given, by a rename or a link, and whose folder was made durable after
that, is acknowledged, and so is every file that the lake's journal or its log tells of. The disk, as it is
then, is mounted again: all of these must be on it, byte by byte.

Two controls must lose some: one where making folders durable does nothing, and one where
making anything durable does nothing. Prints one line of figures.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from disk import Disk
from exports import Exports, Point, tell
from leftovers import JOURNALS, RECORDS, STAGING, parts_of
from scenarios import Scenario

CONTROL_CUTS = 10
WAIT_SECONDS = 60
NAMING = ("rename", "renameat", "renameat2", "link", "linkat")
SYNCING = ("fsync", "fdatasync")
TRACED = "trace=" + ",".join(f"?{call}" for call in (*NAMING, *SYNCING))
DONE = re.compile(r"(\d+) +(?:(\w+)\(|<\.\.\. (\w+) resumed>)(.*) = 0(?: \(INJECTED\))?$")
UNFINISHED = re.compile(r"(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
FOLDER = re.compile(r"\d+<(.*?)>")


class Cut(NamedTuple):
    """What was there when the power was cut, and what was said to be."""

    acknowledged: set[str]
    lost: list[str]


def acknowledged(log: str, lake: Path) -> set[str]:
    """The files of a lake whose names were given and then made durable, by strace's log."""
    named: set[Path] = set()
    durable: set[Path] = set()
    begun: dict[str, str] = {}
    for line in log.splitlines():
        if started := UNFINISHED.match(line):
            begun[started[1]] = started[3]
            continue
        ended = DONE.match(line)
        if ended is None:
            continue
        call = ended[2] or ended[3]
        arguments = (begun.pop(ended[1], "") if ended[3] else "") + ended[4]
        if call in NAMING and (paths := QUOTED.findall(arguments)):
            named.add(Path(paths[-1]))
        elif call in SYNCING and (folder := FOLDER.match(arguments)):
            durable |= {path for path in named if path.parent == Path(folder[1])}
    names = {str(path.relative_to(lake)) for path in durable if path.is_relative_to(lake)}
    # What is staged comes and goes.
    return {name for name in names if not name.startswith(STAGING)}


def told(lake: Path) -> set[str]:
    """The files that the lake itself says are there: in the journal of the export, and in the log."""
    files: set[str] = set()
    for journal in lake.glob(f"{JOURNALS}*.jsonl"):
        for line in journal.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if entry.get("entry") == "file_written":
                files.add(entry["file"])
    return files


class Cuts(Exports):
    """Exports to a disk whose power is cut."""

    def __init__(self, runtrail: Path, scratch: Path, seed: int, disk: Disk) -> None:
        super().__init__(runtrail, scratch, seed, Scenario())
        self.disk, self.log = disk, scratch / "trace"
        self.lake = disk.folder / "lake"

    def reset_lake(self) -> None:
        self.disk.begin()

    def cut_at(self, options: list[str | Path]) -> Cut | None:
        """Cuts the power where strace stops the export; `None` where it came to its end before."""
        self.disk.begin()
        command = ["strace", "-f", "-y", "-qq", "-o", self.log, *options, *self.command(1)]
        self.log.unlink(missing_ok=True)
        with subprocess.Popen(
            command,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as strace:
            try:
                if not self.is_stopped(strace):
                    return None
                known = acknowledged(self.log.read_text(errors="replace"), self.lake)
                known |= told(self.lake)
                self.disk.cut()
            finally:
                kill_session(strace)
        return self.look(known)

    def is_stopped(self, strace: subprocess.Popen[bytes]) -> bool:
        """Waits until the export is stopped, or has ended."""
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            log = self.log.read_text(errors="replace") if self.log.exists() else ""
            if "--- stopped by SIGSTOP ---" in log:
                return True
            if strace.poll() is not None:
                return False
            time.sleep(0.005)
        raise TimeoutError("power: an export neither ended nor was stopped")

    def look(self, known: set[str]) -> Cut:
        lake = self.disk.show() / "lake"
        try:
            return Cut(known, sorted(self.missing(lake, known)))
        finally:
            self.disk.hide()

    def missing(self, lake: Path, known: set[str]) -> Iterable[str]:
        for name in known:
            if not (lake / name).is_file():
                yield f"{name} is gone"
            elif name in self.whole and (lake / name).read_bytes() != self.whole[name]:
                yield f"{name} is not whole"
        # The log is the lake's own word.
        for record in lake.glob(f"{RECORDS}*.json"):
            if record.read_bytes() == self.whole.get(f"{RECORDS}{record.name}"):
                yield from (
                    f"{part} is gone, and recorded"
                    for part in parts_of(self.whole)
                    if not (lake / part).is_file()
                )


def kill_session(strace: subprocess.Popen[bytes]) -> None:
    """Ends strace and the export, which is stopped."""
    try:
        os.killpg(strace.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    strace.wait()


def stop(point: Point) -> list[str | Path]:
    return ["-e", TRACED, "-e", f"inject={point.call}:signal=SIGSTOP:when={point.ordinal}"]


def folder_syncs(cuts: Cuts) -> list[int]:
    """Which calls of fsync, by their numbers, make a name in a table's folder durable."""
    cuts.disk.begin()
    traced = cuts.trace(["-y", "-o", cuts.log, "-e", "trace=fsync"], cuts.command(1))
    if traced.code != 0:
        sys.exit("power: an export that was only traced failed")
    folders = {str((cuts.lake / part).parent) for part in parts_of(cuts.whole)}
    ordinals: Counter[str] = Counter()
    found = []
    for line in cuts.log.read_text(errors="replace").splitlines():
        thread, _, call = line.partition(" ")
        if call.lstrip().startswith("fsync("):
            ordinals[thread] += 1
            if (folder := FOLDER.search(call)) and folder[1] in folders:
                found.append(ordinals[thread])
    return found


def without_folder(ordinal: int) -> list[str | Path]:
    """Lets making a folder durable do nothing, and stops there."""
    return ["-e", TRACED, "-e", f"inject=fsync:retval=0:signal=SIGSTOP:when={ordinal}"]


def without_anything(ordinal: int) -> list[str | Path]:
    """Lets making anything durable do nothing, and stops when a name is given."""
    nothing = f"inject={','.join(SYNCING)}:retval=0"
    inject = f"inject=rename:signal=SIGSTOP:when={ordinal}"
    return ["-e", TRACED, "-e", nothing, "-e", inject]


def run_cuts(cuts: Cuts, points: list[Point]) -> tuple[int, int]:
    done = files = 0
    for point in points:
        how = f"power cut at {point.call} number {point.ordinal}"
        cut = cuts.cut_at(stop(point))
        if cut is None:
            cuts.violations.append(f"{how}: the export ended before, though it made that call")
            continue
        done += 1
        files += len(cut.acknowledged)
        cuts.lost += len(cut.lost)
        cuts.violations += [f"{how}: {what}" for what in cut.lost]
    return done, files


def sample(chance: random.Random, ordinals: Sequence[int]) -> list[int]:
    return sorted(chance.sample(ordinals, min(CONTROL_CUTS, len(ordinals))))


def run_controls(cuts: Cuts, chance: random.Random) -> str:
    """Cuts the power of exports that are careless; each kind must lose files."""
    parts = range(2, len(parts_of(cuts.whole)) + 1)
    syncs = folder_syncs(cuts)
    kinds = {
        "folders": [without_folder(one) for one in sample(chance, syncs)],
        # Before the second name there is nothing that could be lost.
        "anything": [without_anything(one) for one in sample(chance, parts)],
    }
    shown = []
    for kind, all_options in kinds.items():
        seen = [cut for options in all_options if (cut := cuts.cut_at(options))]
        lost = sum(len(cut.lost) for cut in seen)
        files = sum(len(cut.acknowledged) for cut in seen)
        shown.append(f"without making {kind} durable {lost} of {files} lost in {len(seen)} cuts")
        if lost == 0:
            cuts.violations.append(f"control not found: without making {kind} durable nothing is lost")
    return ", ".join(shown)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runtrail", type=Path)
    parser.add_argument("--cuts", type=int, default=40, help="0 for every point")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        disk = Disk(Path(scratch))
        try:
            cuts = Cuts(arguments.runtrail, Path(scratch), arguments.seed, disk)
            cuts.undisturbed(1)
            points = [point for point in cuts.points() if point.call in (*NAMING, *SYNCING)]
            if 0 < arguments.cuts < len(points):
                points = sorted(chance.sample(points, arguments.cuts))
            done, files = run_cuts(cuts, points)
            controls = run_controls(cuts, chance)
        finally:
            disk.end()
    if files == 0:
        cuts.violations.append("no file was acknowledged before a cut: nothing was proved")
    figures = (
        f"power cuts {done}, files acknowledged {files}, lost {cuts.lost};"
        f" {controls}; seed {arguments.seed}, {time.monotonic() - started:.0f} s"
    )
    return 0 if tell(cuts, arguments.seed, figures) else 1


if __name__ == "__main__":
    sys.exit(main())
