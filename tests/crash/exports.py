"""Exports of one archive into one lake after another, disturbed at chosen system calls."""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from leftovers import (
    JOURNALS,
    TABLES,
    Files,
    Read,
    different,
    files_of,
    parts_of,
    torn,
    without_resume,
)
from scenarios import SCENARIOS, Scenario

GENERATOR = Path(__file__).resolve().parent.parent / "readers" / "generate.py"
# Enough for every table to have parts on several dates.
EVENTS = 2500
DEADLINE_SECONDS = 60
# How an export ends whose archive ends in the middle of a line.
SOME_LINES_LEFT_OUT = 3
SHOWN_VIOLATIONS = 20
# What changes a file or a folder, opens one, closes one or makes it durable. A name with a question
# mark is one that not every architecture has.
CALLS = (
    "?open ?creat openat close write pwrite64 writev ftruncate fallocate fsync fdatasync flock ?rename"
    " ?renameat renameat2 ?link linkat ?symlink symlinkat ?mkdir mkdirat ?rmdir ?unlink unlinkat"
).split()
TRACED = re.compile(r"(\d+) +(\w+)\(")


class Point(NamedTuple):
    """The `ordinal`-th call of its name, in any thread."""

    call: str
    ordinal: int


class Ended(NamedTuple):
    code: int
    stderr: str


class Exports:
    """Exports one archive into one lake after another, and keeps the figures."""

    def __init__(self, runtrail: Path, scratch: Path, seed: int, scenario: Scenario) -> None:
        self.scratch, self.lake = scratch, scratch / "lake"
        self.archive = scratch / "archive.jsonl"
        self.runtrail, self.scenario = runtrail, scenario
        # A setting of the caller's own must not make another export of it.
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("RUNTRAIL_", "RUST_"))
        }
        self.torn = self.different = self.lost = self.doubled = self.journals = 0
        self.violations: list[str] = []
        self.whole: Files = {}
        self.base = scratch / "base"
        self.before = self.export_what_was_before(seed)
        # An archive whose first look failed is read from its beginning, and is so the next time too.
        self.resumes = True

    def export_what_was_before(self, seed: int) -> Files:
        """Makes the archive and the lake that every export begins with; returns the files of that lake."""
        generate = [GENERATOR, "--events", str(EVENTS), "--seed", str(seed), "--out", self.archive]
        subprocess.run([sys.executable, *generate], check=True)
        *earlier, last = self.scenario.pieces(self.archive.read_bytes())
        self.archive.unlink()
        for piece in earlier:
            self.append(piece)
            ended = self.run(self.command(1))
            if ended.code not in (0, SOME_LINES_LEFT_OUT):
                sys.exit(f"crash: an export before ended with exit code {ended.code}: {ended.stderr}")
        self.append(last)
        if earlier:
            self.lake.rename(self.base)
        return files_of(self.base)

    def append(self, piece: bytes) -> None:
        with self.archive.open("ab") as archive:
            archive.write(piece)

    def command(self, threads: int) -> list[str | Path]:
        settings = ["--to", self.lake, "--tables", ",".join(TABLES), "--threads", str(threads)]
        return [self.runtrail, "export", self.archive, *settings, *self.scenario.settings]

    def run(self, command: Iterable[str | Path]) -> Ended:
        ended = subprocess.run(
            list(command),
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=DEADLINE_SECONDS,
        )
        return Ended(ended.returncode, ended.stderr.decode(errors="replace").strip())

    def finish(self, threads: int) -> str | None:
        """Runs the export to its end; says why it failed, if it did."""
        ended = self.run(self.command(threads))
        return None if ended.code == 0 else f"exit code {ended.code}: {ended.stderr}"

    def trace(self, options: Iterable[str | Path], command: Iterable[str | Path]) -> Ended:
        return self.run(["strace", "-f", "-qq", *options, *command])

    def undisturbed(self, threads: int) -> float:
        """Exports into the lake as it was before, keeps or compares its files, and returns the seconds taken."""
        self.reset_lake()
        started = time.monotonic()
        failure = self.finish(threads)
        seconds = time.monotonic() - started
        if failure is not None:
            sys.exit(f"crash: an export that nothing disturbed failed with {failure}")
        self.whole = self.whole or files_of(self.lake)
        found = different(self.lake, self.whole)
        if found:
            sys.exit(f"crash: undisturbed exports differ, --threads {threads}: {found}")
        for lack in self.scenario.lacks(self.before, self.whole):
            sys.exit(f"crash: {self.scenario.name}: {lack}")
        return seconds

    def points(self) -> list[Point]:
        """Every call that an undisturbed export makes once it has named its lake."""
        self.reset_lake()
        log = self.scratch / "trace"
        traced = self.trace(["-y", "-o", log, "-e", f"trace={','.join(CALLS)}"], self.command(1))
        if traced.code != 0:
            sys.exit("crash: an export that was only traced failed")
        ordinals: Counter[tuple[str, str]] = Counter()
        points, spared, begun = set(), set(), False
        for line in log.read_text(errors="replace").splitlines():
            traced_call = TRACED.match(line)
            if traced_call is None:
                continue
            thread, call = traced_call.groups()
            ordinals[thread, call] += 1
            begun = begun or str(self.lake) in line
            if begun:
                # strace counts the calls of each thread by themselves.
                point = Point(call, ordinals[thread, call])
                points.add(point)
                if self.is_spared(line):
                    spared.add(point)
        return sorted(points - spared)

    def is_spared(self, call: str) -> bool:
        """Whether a call cannot be disturbed as a system would do it."""
        return False

    def expected(self) -> tuple[Files, Read]:
        """The undisturbed lake, and how another one is read to be compared with it."""
        return self.seen(self.whole), lambda lake: self.seen(files_of(lake))

    def seen(self, files: Files) -> Files:
        return files if self.resumes else without_resume(files)

    def check_visible(self, how: str) -> None:
        """Checks what a reader of the lake sees right after the disturbance."""
        found = torn(self.lake, self.seen(self.before), *self.expected())
        self.torn += bool(found)
        self.violations += [f"{how}: {what}" for what in found]

    def check_finished(self, how: str, threads: int) -> None:
        """Gives the same command again, and compares what it comes to with the undisturbed lake."""
        failure = self.finish(threads)
        found = different(self.lake, *self.expected()) if failure is None else [failure]
        self.different += bool(found)
        files, whole = parts_of(files_of(self.lake)), parts_of(self.whole)
        self.lost += len(whole.keys() - files.keys())
        self.doubled += len(files.keys() - whole.keys())
        self.violations += [f"{how}, and run again: {what}" for what in found]
        self.check_journals(f"{how}, and run again", {"completed"})

    def check_journals(self, how: str, expected: set[str]) -> None:
        """Checks that every journal is read, and that the last one says what is expected of it."""
        if not any((self.lake / JOURNALS).glob("*.jsonl")):
            return
        listed = subprocess.run(
            [self.runtrail, "journal", self.lake, "--format", "json"],
            env=self.environment,
            stdout=subprocess.PIPE,
            timeout=DEADLINE_SECONDS,
        )
        states = [journal["state"] for journal in json.loads(listed.stdout or "[]")]
        self.journals += len(states)
        if listed.returncode != 0 or not states or states[-1] not in expected:
            self.violations.append(
                f"{how}: the journals say {states}, the last not one of {sorted(expected)}"
            )

    def reset_lake(self) -> None:
        """Puts the lake back to what it was before the export that is disturbed."""
        shutil.rmtree(self.lake, ignore_errors=True)
        if self.base.exists():
            shutil.copytree(self.base, self.lake)

    def new_parts(self) -> set[str]:
        """What an undisturbed export adds to the lake."""
        return parts_of(self.whole).keys() - self.before.keys()


def thinned(points: list[Point], limit: int, chance: random.Random) -> list[Point]:
    """At most `limit` points of every call, chosen by chance; 0 for all."""
    chosen = []
    for call in sorted({point.call for point in points}):
        of_call = [point for point in points if point.call == call]
        chosen += sorted(chance.sample(of_call, limit)) if 0 < limit < len(of_call) else of_call
    return chosen


def scratch_parent() -> str | None:
    """A folder in memory where there is one: what a process wrote survives its kill on any of them."""
    memory = "/dev/shm"
    return memory if os.path.isdir(memory) and os.access(memory, os.W_OK | os.X_OK) else None


def tell(exports: Exports, seed: int, figures: str) -> bool:
    """Prints the figures, and what was found; whether that is nothing."""
    name = exports.scenario.name
    for violation in exports.violations[:SHOWN_VIOLATIONS]:
        print(f"crash: {name}, seed {seed}: {violation}", file=sys.stderr)
    print(f"{name}: {figures}")
    return not exports.violations


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """What both ways of disturbing exports are told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("runtrail", type=Path)
    parser.add_argument("--points", type=int, default=20, help="of every call; 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=SCENARIOS, help="one scenario; all by default")
    return parser


def scenarios(only: str | None) -> list[Scenario]:
    return [scenario for name, scenario in SCENARIOS.items() if only in (None, name)]
