"""A disk in a file, whose power can be cut."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

SIZE = 64 << 20
# Nothing reaches the disk by time alone: what is on it was asked to be.
OPTIONS = "loop,commit=600"
UNMOUNT_ATTEMPTS = 100


class Disk:
    """An ext4 file system in a file, mounted in a folder."""

    def __init__(self, scratch: Path) -> None:
        self.image, self.folder = scratch / "disk.img", scratch / "disk"
        self.after, self.found = scratch / "after.img", scratch / "after"
        self.folder.mkdir()
        self.found.mkdir()
        self.mounted = False

    def begin(self) -> None:
        """Begins with an empty file system."""
        self.end()
        self.image.unlink(missing_ok=True)
        with self.image.open("wb") as image:
            image.truncate(SIZE)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True)
        subprocess.run(["mount", "-o", OPTIONS, self.image, self.folder], check=True)
        self.mounted = True

    def cut(self) -> None:
        """Takes the disk as it is. Nobody may be writing."""
        shutil.copyfile(self.image, self.after)

    def show(self) -> Path:
        """Mounts what was there when the power was cut, as a machine that starts again does."""
        subprocess.run(["mount", "-o", "loop", self.after, self.found], check=True)
        return self.found

    def hide(self) -> None:
        subprocess.run(["umount", self.found], check=True)

    def end(self) -> None:
        # Who was killed may hold files for a moment.
        for attempt in range(UNMOUNT_ATTEMPTS):
            if not self.mounted:
                return
            last = attempt + 1 == UNMOUNT_ATTEMPTS
            ended = subprocess.run(["umount", self.folder], check=last, capture_output=not last)
            self.mounted = ended.returncode != 0
            time.sleep(0.05 if self.mounted else 0)
