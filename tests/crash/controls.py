"""Proves that the checks can fail: lakes that are wrong in one place, each of which must be found."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from leftovers import CARRIED, RECORDS, STAGING, Files, different, parts_of, torn

Damage = Callable[[Path], object]
Check = Callable[[Path, Files, Files], list[str]]


def largest_part(whole: Files) -> str:
    return max(parts_of(whole), key=lambda path: (len(whole[path]), path))


def flip_last_bit(path: Path) -> None:
    held = path.read_bytes()
    path.write_bytes(held[:-1] + bytes([held[-1] ^ 1]))


def move_and_link(path: Path, target: Path) -> None:
    path.rename(target)
    path.symlink_to(target)


def is_different(lake: Path, _before: Files, whole: Files) -> list[str]:
    return different(lake, whole)


def damages(before: Files, whole: Files) -> dict[str, tuple[Check, Damage]]:
    cases = damages_of_one_export(whole)
    return cases | damages_of_growth(before, whole) if before else cases


def damages_of_growth(before: Files, whole: Files) -> dict[str, tuple[Check, Damage]]:
    gone = max(parts_of(before).keys() - parts_of(whole).keys())
    carried = next(path for path in whole if path.startswith(CARRIED))
    record = max(path for path in whole if path.startswith(RECORDS))
    return {
        "carried runs are missing that a record names": (torn, lambda lake: (lake / carried).unlink()),
        "carried runs are missing in the end": (is_different, lambda lake: (lake / carried).unlink()),
        "a part that gave way is there in the end": (
            is_different,
            lambda lake: (lake / gone).write_bytes(before[gone]),
        ),
        "a part gave way before a record says so": (torn, lambda lake: (lake / record).unlink()),
    }


def damages_of_one_export(whole: Files) -> dict[str, tuple[Check, Damage]]:
    part = largest_part(whole)
    record = max(path for path in whole if path.startswith(RECORDS))
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
        "a part is missing in the end": (is_different, lambda lake: (lake / part).unlink()),
        "a part differs in the end": (is_different, lambda lake: flip_last_bit(lake / part)),
        "a record is missing in the end": (is_different, lambda lake: (lake / record).unlink()),
        "another record is there": (
            is_different,
            lambda lake: (lake / record).with_stem("9".zfill(20)).touch(),
        ),
        "a staged file is left": (is_different, lambda lake: (lake / STAGING / "left").touch()),
        "a staging folder is left": (is_different, lambda lake: (lake / STAGING / "left").mkdir()),
    }


def unnoticed(lake: Path, before: Files, whole: Files, scratch: Path) -> tuple[int, list[str]]:
    """Damages copies of a good lake; returns how many, and those that its check did not tell from it."""
    cases = damages(before, whole)
    copy = scratch / "control"
    silent = []
    for what, (check, damage) in cases.items():
        shutil.copytree(lake, copy)
        # A check that refuses every lake would find every damage.
        accepted = not check(copy, before, whole)
        damage(copy)
        if not (accepted and check(copy, before, whole)):
            silent.append(what)
        shutil.rmtree(copy)
    return len(cases), silent
