"""Proves that the checks can fail: lakes that are wrong in one place, each of which must be found."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from leftovers import RECORDS, STAGING, Files, different, parts_of, torn

Damage = Callable[[Path], object]
Check = Callable[[Path, Files], list[str]]


def largest_part(whole: Files) -> str:
    return max(parts_of(whole), key=lambda path: (len(whole[path]), path))


def flip_last_bit(path: Path) -> None:
    held = path.read_bytes()
    path.write_bytes(held[:-1] + bytes([held[-1] ^ 1]))


def move_and_link(path: Path, target: Path) -> None:
    path.rename(target)
    path.symlink_to(target)


def damages(whole: Files) -> dict[str, tuple[Check, Damage]]:
    part = largest_part(whole)
    record = next(path for path in whole if path.startswith(RECORDS))
    half = whole[part][: len(whole[part]) // 2]
    return {
        "a part is half there": (torn, lambda lake: (lake / part).write_bytes(half)),
        "a part is empty": (torn, lambda lake: (lake / part).write_bytes(b"")),
        "a part differs in a bit": (torn, lambda lake: flip_last_bit(lake / part)),
        "a part is there under another name": (
            torn,
            lambda lake: shutil.copy(lake / part, (lake / part).with_name("part-other.parquet")),
        ),
        "a staged file is in a table folder": (
            torn,
            lambda lake: (lake / part).with_suffix(".staged").touch(),
        ),
        "a part is a link": (torn, lambda lake: move_and_link(lake / part, lake / STAGING / "part")),
        "a record is there before its part": (torn, lambda lake: (lake / part).unlink()),
        "a record differs in a bit": (torn, lambda lake: flip_last_bit(lake / record)),
        "a part is missing in the end": (different, lambda lake: (lake / part).unlink()),
        "a part differs in the end": (different, lambda lake: flip_last_bit(lake / part)),
        "a record is missing in the end": (different, lambda lake: (lake / record).unlink()),
        "a second record is there": (
            different,
            lambda lake: (lake / record).with_stem("1".zfill(20)).touch(),
        ),
        "a staged file is left": (different, lambda lake: (lake / STAGING / "left").touch()),
        "a staging folder is left": (different, lambda lake: (lake / STAGING / "left").mkdir()),
    }


def unnoticed(lake: Path, whole: Files, scratch: Path) -> tuple[int, list[str]]:
    """Damages copies of a good lake; returns how many, and those that its check did not tell from it."""
    cases = damages(whole)
    copy = scratch / "control"
    silent = []
    for what, (check, damage) in cases.items():
        shutil.copytree(lake, copy)
        # A check that refuses every lake would find every damage.
        accepted = not check(copy, whole)
        damage(copy)
        if not (accepted and check(copy, whole)):
            silent.append(what)
        shutil.rmtree(copy)
    return len(cases), silent
