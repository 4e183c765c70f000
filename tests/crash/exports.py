"""Exports of one archive into one lake after another, disturbed at chosen system calls."""

from __future__ import annotations

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

GENERATOR = Path(__file__).resolve().parent.parent / "readers" / "generate.py"
# Enough for every table to have parts on several dates.
EVENTS = 2500
DEADLINE_SECONDS = 60
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

    def __init__(self, runtrail: Path, scratch: Path, seed: int) -> None:
        self.scratch, self.lake = scratch, scratch / "lake"
        self.archive = scratch / "archive.jsonl"
        generate = [GENERATOR, "--events", str(EVENTS), "--seed", str(seed), "--out", self.archive]
        subprocess.run([sys.executable, *generate], check=True)
        self.runtrail = runtrail
        # A setting of the caller's own must not make another export of it.
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("RUNTRAIL_", "RUST_"))
        }
        self.torn = self.different = self.lost = self.doubled = self.journals = 0
        self.violations: list[str] = []
        self.whole: Files = {}
        # An archive whose first look failed is read from its beginning, and is so the next time too.
        self.resumes = True

    def command(self, threads: int) -> list[str | Path]:
        settings = ["--to", self.lake, "--tables", ",".join(TABLES), "--threads", str(threads)]
        return [self.runtrail, "export", self.archive, *settings]

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
        """Exports into a fresh lake, keeps or compares its files, and returns the seconds taken."""
        self.remove_lake()
        started = time.monotonic()
        failure = self.finish(threads)
        seconds = time.monotonic() - started
        if failure is not None:
            sys.exit(f"crash: an export that nothing disturbed failed with {failure}")
        self.whole = self.whole or files_of(self.lake)
        found = different(self.lake, self.whole)
        if found:
            sys.exit(f"crash: undisturbed exports differ, --threads {threads}: {found}")
        dates = {path.split("/")[1] for path in parts_of(self.whole)}
        tables = {path.split("/")[0] for path in parts_of(self.whole)}
        if tables != set(TABLES) or len(dates) < 2:
            sys.exit(f"crash: the archive gives only {sorted(tables)} on {sorted(dates)}")
        return seconds

    def points(self) -> list[Point]:
        """Every call that an undisturbed export makes once it has made its first folder."""
        self.remove_lake()
        log = self.scratch / "trace"
        traced = self.trace(["-o", log, "-e", f"trace={','.join(CALLS)}"], self.command(1))
        if traced.code != 0:
            sys.exit("crash: an export that was only traced failed")
        ordinals: Counter[tuple[str, str]] = Counter()
        points, begun = set(), False
        for line in log.read_text(errors="replace").splitlines():
            traced_call = TRACED.match(line)
            if traced_call is None:
                continue
            thread, call = traced_call.groups()
            ordinals[thread, call] += 1
            begun = begun or call.startswith("mkdir")
            if begun:
                # strace counts the calls of each thread by themselves.
                points.add(Point(call, ordinals[thread, call]))
        return sorted(points)

    def expected(self) -> tuple[Files, Read]:
        """The undisturbed lake, and how another one is read to be compared with it."""
        if self.resumes:
            return self.whole, files_of
        return without_resume(self.whole), lambda lake: without_resume(files_of(lake))

    def check_visible(self, how: str) -> None:
        """Checks what a reader of the lake sees right after the disturbance."""
        found = torn(self.lake, *self.expected())
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

    def remove_lake(self) -> None:
        shutil.rmtree(self.lake, ignore_errors=True)


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


def tell(violations: list[str], seed: int) -> None:
    for violation in violations[:SHOWN_VIOLATIONS]:
        print(f"crash: seed {seed}: {violation}", file=sys.stderr)
