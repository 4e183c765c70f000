"""What a killed export may leave behind, and what the same command has to make of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

TABLES = ("events", "ops", "groups", "runs", "links")
SIDE_FOLDER = "_runtrail"
STAGING = f"{SIDE_FOLDER}/tmp/"
RECORDS = f"{SIDE_FOLDER}/log/"
CARRIED = f"{SIDE_FOLDER}/carried/"
# Times are in their names and lines: no two are the same.
JOURNALS = f"{SIDE_FOLDER}/journal/"
# The lock of the staging folder goes with an export that comes to nothing, and is made by the next one.
STAGING_LOCK = f"{STAGING}.lock"

Files = dict[str, bytes]
Read = Callable[[Path], Files]


def files_of(lake: Path) -> Files:
    """Every file of a lake but its journals and its lock, by its path there; a link is not followed,
    and is never as expected."""
    found = {}
    for path in sorted(lake.rglob("*")):
        name = str(path.relative_to(lake))
        if name.startswith(JOURNALS) and path.suffix == ".jsonl" or name == STAGING_LOCK:
            continue
        if path.is_symlink():
            found[name] = b"a link to " + bytes(path.readlink())
        elif not path.is_dir():
            found[name] = path.read_bytes()
    return found


def parts_of(files: Files) -> Files:
    return {path: held for path, held in files.items() if not path.startswith(SIDE_FOLDER + "/")}


def without_resume(files: Files) -> Files:
    """The same files, whose records do not say where what is appended to a source begins."""
    return {path: bare(held) if path.startswith(RECORDS) else held for path, held in files.items()}


def bare(record: bytes) -> bytes:
    try:
        said = json.loads(record)
    except ValueError:
        return record
    for source in said["sources"]:
        source.pop("resume", None)
    return json.dumps(said).encode()


def torn(lake: Path, before: Files, whole: Files, read: Read = files_of) -> list[str]:
    """What a reader of the lake could meet that an undisturbed export would not have shown it: of the lake
    before the export nothing is missing until a record says that it is done, and then nothing of the whole one."""
    files = read(lake)
    visible = {path: held for path, held in files.items() if not path.startswith(STAGING)}
    known = before | whole
    found = []
    for path, held in visible.items():
        if path not in known:
            found.append(f"{path} is no file of an undisturbed export")
        elif held != known[path]:
            found.append(f"{path} has {len(held)} bytes, not the {len(known[path])} it ends with")
    records = {path for path in visible if path.startswith(RECORDS)}
    is_done = bool(records - before.keys())
    said = "recorded as done" if is_done else "not recorded"
    for path in sorted((whole if is_done else before).keys() - visible.keys()):
        found.append(f"{path} is not there, and the export is {said}")
    return found


def different(lake: Path, whole: Files, read: Read = files_of) -> list[str]:
    """Where a finished export is not the undisturbed one: paths, bytes, anything left in staging."""
    files = read(lake)
    found = [f"{path} is missing" for path in sorted(whole.keys() - files.keys())]
    found += [f"{path} is left over" for path in sorted(files.keys() - whole.keys())]
    common = sorted(files.keys() & whole.keys())
    found += [f"{path} has other bytes" for path in common if files[path] != whole[path]]
    staging = lake / STAGING
    if staging.is_dir():
        left = (path for path in staging.iterdir() if str(path.relative_to(lake)) != STAGING_LOCK)
        found += [f"{path.relative_to(lake)} is left in staging" for path in sorted(left)]
    return found
