"""Kills exports with SIGKILL, at system calls and by time, and checks what is left each time.

After a kill, nothing but whole files of an undisturbed export may be visible, and all of the lake before
until a record says otherwise; after the same command again, the lake must be the undisturbed one, file by
file and byte by byte. Prints a line of figures for each scenario and exits with 1 if any of this does not
hold, or if a lake that is wrong on purpose passes.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from controls import largest_part, unnoticed
from exports import Exports, Point, parser_of, scenarios, scratch_parent, tell, thinned
from leftovers import files_of, parts_of, torn
from scenarios import Scenario

# Slow starts make late kills; early ends make kills that come too late to count.
ATTEMPTS_PER_TIMED_KILL = 4
# An export that was killed when it had said how it ended is one that ended.
AFTER_A_KILL = {"interrupted", "completed"}


class Kills(Exports):
    """Kills exports, and counts what came of it."""

    def __init__(self, runtrail: Path, scratch: Path, seed: int, scenario: Scenario) -> None:
        super().__init__(runtrail, scratch, seed, scenario)
        self.by_call = self.by_time = self.halfway = 0

    def kill_at(self, point: Point, command: Iterable[str | Path]) -> bool:
        """Kills a command before it makes a call."""
        inject = f"inject={point.call}:signal=SIGKILL:when={point.ordinal}"
        options = ["-o", "/dev/null", "-e", f"trace={point.call}", "-e", inject]
        return self.trace(options, command).code == -signal.SIGKILL

    def kill_after(self, seconds: float, threads: int) -> int:
        with subprocess.Popen(
            self.command(threads),
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            time.sleep(seconds)
            process.kill()
        return process.returncode

    def check_killed(self, how: str) -> None:
        new = self.new_parts()
        self.halfway += 0 < len(new & files_of(self.lake).keys()) < len(new)
        self.check_visible(how)
        self.check_journals(how, AFTER_A_KILL)

    def kill_by_call(self, points: Iterable[Point]) -> None:
        for point in points:
            self.reset_lake()
            how = f"--threads 1, killed at {point.call} number {point.ordinal}"
            if not self.kill_at(point, self.command(1)):
                self.violations.append(f"{how}: was not killed, though it made that call before")
                continue
            self.by_call += 1
            self.check_killed(how)
            self.check_finished(how, 1)

    def kill_by_time(self, chance: random.Random, seconds: float) -> None:
        wanted = self.scenario.timed_kills
        attempts = ATTEMPTS_PER_TIMED_KILL * wanted
        for _ in range(attempts):
            if self.by_time >= wanted:
                return
            self.reset_lake()
            how = "--threads 2, killed"
            # The second kill hits an export that goes on from what the first has left.
            for _ in range(chance.randint(1, 2)):
                delay = chance.uniform(0, 1.2 * seconds)
                how += f" after {delay:.4f} s"
                ended = self.kill_after(delay, 2)
                if ended == -signal.SIGKILL:
                    self.by_time += 1
                    self.check_killed(how)
                elif ended != 0:
                    self.violations.append(f"{how}: ended before that with exit code {ended}")
            self.check_finished(how, 2)
        self.violations.append(f"only {self.by_time} of {attempts} exports died in time")


def careless_writer_is_found(kills: Kills, good: Path) -> bool:
    """Whether a writer that does not stage its file, killed in the same way, is seen to tear it."""
    part = largest_part(kills.whole)
    kills.reset_lake()
    (kills.lake / part).parent.mkdir(parents=True, exist_ok=True)
    copy = ["dd", f"if={good / part}", f"of={kills.lake / part}", "bs=4096", "status=none"]
    killed = kills.kill_at(Point("write", 2), copy)
    return killed and bool(torn(kills.lake, kills.before, kills.whole))


def run_controls(kills: Kills, by_call: bool) -> str:
    kills.undisturbed(1)
    good = kills.scratch / "good"
    kills.lake.rename(good)
    count, silent = unnoticed(good, kills.before, kills.whole, kills.scratch)
    if by_call:
        count += 1
        if not careless_writer_is_found(kills, good):
            silent.append("a writer that stages nothing")
    kills.violations += [f"control not found: {what}" for what in silent]
    return f"controls found {count - len(silent)} of {count}"


def sweep(
    runtrail: Path, scenario: Scenario, by_call: bool, points_of_a_call: int, seed: int
) -> bool:
    """Kills a scenario's export again and again; whether all was as it has to be."""
    chance = random.Random(seed)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=scratch_parent()) as scratch:
        kills = Kills(runtrail, Path(scratch), seed, scenario)
        controls = run_controls(kills, by_call)
        if by_call:
            kills.kill_by_call(thinned(kills.points(), points_of_a_call, chance))
        kills.kill_by_time(chance, kills.undisturbed(2))
    if kills.halfway == 0:
        kills.violations.append("no kill left some of the new parts: nothing was proved")
    return tell(
        kills,
        seed,
        f"kills {kills.by_call + kills.by_time}"
        f" ({kills.by_call} at system calls, {kills.by_time} by time;"
        f" {kills.halfway} left some of {len(kills.new_parts())} new parts),"
        f" torn {kills.torn}, different {kills.different},"
        f" lost {kills.lost}, doubled {kills.doubled}, journals read {kills.journals}, {controls},"
        f" seed {seed}, {time.monotonic() - started:.0f} s",
    )


def main() -> int:
    parser = parser_of(__doc__)
    parser.add_argument("--by-call", action="store_true", help="kill at system calls too: strace")
    arguments = parser.parse_args()
    passed = [
        sweep(arguments.runtrail, scenario, arguments.by_call, arguments.points, arguments.seed)
        for scenario in scenarios(arguments.only)
    ]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
