"""Lets system calls of exports fail, one a time, as on a full disk or a broken one.

An export either says what failed and exits with 4, or the call did not matter and the lake is whole.
Either way nothing but whole files of an undisturbed export may be visible, and all of the lake before
until a record says otherwise; after the same command again the lake must be the undisturbed one, byte by
byte. Prints a line of figures for each scenario and exits with 1 if any of this does not hold, or if a
writer that is careless on purpose passes.
"""

from __future__ import annotations

import random
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from controls import largest_part
from exports import Ended, Exports, Point, parser_of, scenarios, scratch_parent, tell, thinned
from leftovers import STAGING, STAGING_LOCK, TABLES, different, parts_of
from scenarios import Scenario

MESSAGES = {"ENOSPC": "No space left on device", "EIO": "Input/output error"}
# Rust's standard library panics where a folder that was read cannot be closed; no file system says so.
BEYOND_US = "unexpected error during closedir"
# What a failed call may leave and the next export removes.
LEFT_IN_STAGING = "is left in staging"


class Failures(Exports):
    """Lets calls fail, and counts what came of it."""

    def __init__(self, runtrail: Path, scratch: Path, seed: int, scenario: Scenario) -> None:
        super().__init__(runtrail, scratch, seed, scenario)
        self.told = self.without_effect = self.beyond_us = 0

    def fail_at(
        self, point: Point, error: str, command: Iterable[str | Path]
    ) -> tuple[Ended, list[str]]:
        """Lets a call of a command fail; returns how that ended, and the calls that failed."""
        log = self.scratch / "failed"
        inject = f"inject={point.call}:error={error}:when={point.ordinal}"
        options = ["-y", "-o", log, "-e", f"trace={point.call}", "-e", inject]
        ended = self.trace(options, command)
        lines = log.read_text(errors="replace").splitlines()
        return ended, [line for line in lines if "(INJECTED)" in line]

    def is_spared(self, call: str) -> bool:
        # strace does not make the call that it lets fail. A system closes what it reports an error of, and
        # ends its lock with it; held on, the lock would be waited for by the process that holds it.
        return " close(" in call and call.partition(">)")[0].endswith(STAGING_LOCK)

    def check_failed(self, how: str, error: str, ended: Ended, failed: list[str]) -> None:
        """Checks that an export failed with a reason, or that its lake is whole."""
        if not failed:
            self.violations.append(f"{how}: no call failed, though it was made before")
        elif ended.code == 4:
            self.told += 1
            # Where the message itself cannot be written there is none.
            mute = any(" write(2<" in line for line in failed)
            if not mute and not (
                ended.stderr.startswith("error: ") and MESSAGES[error] in ended.stderr
            ):
                self.violations.append(f"{how}: says only {ended.stderr!r}")
        elif ended.code == 0:
            self.without_effect += 1
            found = different(self.lake, *self.expected())
            found = [what for what in found if not may_be_left(what)]
            self.violations += [f"{how}: ends well, but {what}" for what in found]
        elif ended.code == 101 and BEYOND_US in ended.stderr and is_of_a_folder(failed[0]):
            self.beyond_us += 1
        else:
            self.violations.append(f"{how}: exit code {ended.code}: {ended.stderr[-500:]}")
        self.check_visible(how)
        self.check_journals(
            how, {"completed"} if ended.code == 0 else {"failed", "interrupted", "completed"}
        )

    def fail_by_call(self, points: Iterable[tuple[Point, str]]) -> None:
        for point, error in points:
            self.reset_lake()
            how = f"--threads 1, {error} at {point.call} number {point.ordinal}"
            ended, failed = self.fail_at(point, error, self.command(1))
            how += f" ({failed[0].split(' ', 1)[1][:200] if failed else 'none'})"
            self.resumes = not any(str(self.archive) in call for call in failed)
            self.check_failed(how, error, ended, failed)
            self.check_finished(how, 1)
            self.resumes = True


def is_of_a_folder(call: str) -> bool:
    """Whether a call closed a folder of a lake, by its name."""
    names = "|".join(("lake", "_runtrail", "tmp", "log", "journal", r"export-\w+", r"date=[\d-]+", *TABLES))
    return re.search(rf"\bclose\(\d+<[^>]*/({names})>\)", call) is not None


def may_be_left(what: str) -> bool:
    return what.endswith(LEFT_IN_STAGING) or (
        what.startswith(STAGING) and what.endswith("is left over")
    )


def careless_writers(failures: Failures) -> str:
    """Lets writers fail that stage nothing, or say nothing; each must be found."""
    failures.undisturbed(1)
    good = failures.scratch / "good"
    failures.lake.rename(good)
    part = largest_part(failures.whole)
    source, target = good / part, failures.lake / part
    copy = f"dd if={shlex.quote(str(source))} of={shlex.quote(str(target))} bs=4096 status=none"
    known = len(failures.violations), failures.torn, failures.told, failures.without_effect
    found = 0
    writers = {
        "a writer that stages nothing": f"{copy} || exit 4",
        "a writer that does not say that it failed": f"{copy}; rm -f {shlex.quote(str(target))}; exit 0",
        "a writer that does not say why": f"{copy} 2>/dev/null; rm -f {shlex.quote(str(target))}; exit 4",
        "a writer that panics": f"{copy} 2>/dev/null; rm -f {shlex.quote(str(target))}; exit 101",
    }
    silent = []
    for what, writer in writers.items():
        failures.reset_lake()
        target.parent.mkdir(parents=True, exist_ok=True)
        ended, failed = failures.fail_at(Point("write", 2), "ENOSPC", ["sh", "-c", writer])
        if ended.code == 4 and "error:" not in ended.stderr and "stages" in what:
            # Its message is another program's; what it leaves is what counts here.
            ended = Ended(4, f"error: {MESSAGES['ENOSPC']}")
        failures.check_failed(what, "ENOSPC", ended, failed)
        if failed and len(failures.violations) > known[0]:
            found += 1
        else:
            silent.append(what)
        del failures.violations[known[0] :]
    failures.torn, failures.told, failures.without_effect = known[1:]
    failures.violations += [f"control not found: {what}" for what in silent]
    return f"controls found {found} of {len(writers)}"


def sweep(runtrail: Path, scenario: Scenario, points_of_a_call: int, seed: int) -> bool:
    """Lets the calls of a scenario's export fail; whether all was as it has to be."""
    chance = random.Random(seed)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=scratch_parent()) as scratch:
        failures = Failures(runtrail, Path(scratch), seed, scenario)
        controls = careless_writers(failures)
        points = failures.points()
        if points_of_a_call == 0:
            chosen = [(point, error) for point in points for error in MESSAGES]
        else:
            chosen = [
                (point, chance.choice(list(MESSAGES)))
                for point in thinned(points, points_of_a_call, chance)
            ]
        failures.fail_by_call(chosen)
    if failures.told == 0:
        failures.violations.append("no call that failed was told of: nothing was proved")
    return tell(
        failures,
        seed,
        f"failed calls {len(chosen)} ({failures.told} told with exit code 4,"
        f" {failures.without_effect} without effect, {failures.beyond_us} of folders that were read;"
        f" {len(failures.new_parts())} new parts),"
        f" torn {failures.torn}, different {failures.different},"
        f" lost {failures.lost}, doubled {failures.doubled},"
        f" journals read {failures.journals}, {controls},"
        f" seed {seed}, {time.monotonic() - started:.0f} s",
    )


def main() -> int:
    arguments = parser_of(__doc__).parse_args()
    passed = [
        sweep(arguments.runtrail, scenario, arguments.points, arguments.seed)
        for scenario in scenarios(arguments.only)
    ]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
