"""What is being worked on, in a file that outlives the process: one slot of fixed size for each thread that works.

A slot is written before work begins and emptied when it came back, into the system's page cache without waiting for the
disk: the death of the process takes nothing of that, only a power cut does. Written with `pwrite`, not through a memory
map, which would itself end the process where the disk is full or somebody cuts the file.
"""

from __future__ import annotations

import logging
import os
import struct
from pathlib import Path
from typing import Literal, NamedTuple
from zlib import crc32

from edge_nt.sources.file_ledger import DIGEST_BYTES

_log = logging.getLogger(__name__)
Stage = Literal["opening", "computing"]
_STAGES: tuple[Stage, ...] = ("opening", "computing")
# Digest of the file, number of the frame, stage counted from 1; then their checksum, so that no accident is a slot.
_WORK = struct.Struct(f"<{DIGEST_BYTES}sQI")
_CHECK = struct.Struct("<I")
_SLOT_BYTES = _WORK.size + _CHECK.size
_EMPTY = bytes(_SLOT_BYTES)
# Far more than threads that any machine has.
_MOST_BYTES = 4096 * _SLOT_BYTES


class Work(NamedTuple):
    """A frame of a file, known by its digest (file_ledger.py): being read from its file in the source's thread, which
    for the first one opens it, or being computed by a job.
    """

    file: bytes
    frame: int
    stage: Stage


class UnderWay:
    """The slots in `path`. `left_behind` is what stood in them when they were opened: nobody came back from it.

    Anything else than slots in there is said in a warning, and counts as nothing. A slot that cannot be written is said
    once, and work goes on. Its calls are one at a time. Raises: OSError when the file cannot be opened or written.
    """

    def __init__(self, path: Path, slots: int) -> None:
        self._path = path
        self._said = False
        self._free = list(range(slots))
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        self._handle: int | None = handle
        try:
            self.left_behind = self._read(handle)
            os.ftruncate(handle, 0)
            # Real blocks, so that a disk which fills up later makes no difference.
            os.pwrite(handle, _EMPTY * slots, 0)
        except BaseException:
            self.close()
            raise

    def begin(self, work: Work) -> int:
        """Write `work` into a slot, whose number is returned."""
        slot = self._free.pop()
        content = _WORK.pack(work.file, work.frame, 1 + _STAGES.index(work.stage))
        self._write(slot, content + _CHECK.pack(crc32(content)))
        return slot

    def end(self, slot: int) -> None:
        """The work in `slot` came back."""
        self._write(slot, _EMPTY)
        self._free.append(slot)

    def close(self) -> None:
        """Leave what is under way in its slot, also if it should come back later."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def _write(self, slot: int, content: bytes) -> None:
        if self._handle is None:
            return
        try:
            os.pwrite(self._handle, content, slot * _SLOT_BYTES)
        except OSError as error:
            if not self._said:
                _log.warning(
                    "%s cannot be written: a file that ends the process is not found out: %s", self._path, error
                )
            self._said = True

    def _read(self, handle: int) -> frozenset[Work]:
        content = os.pread(handle, _MOST_BYTES, 0)
        slots = [content[start : start + _SLOT_BYTES] for start in range(0, len(content), _SLOT_BYTES)]
        found = {slot: _work_in(slot) for slot in slots if slot != _EMPTY}
        damaged = sum(work is None for work in found.values())
        if damaged or os.fstat(handle).st_size > len(content):
            _log.warning("%s is damaged, and what it says counts as nothing where it is", self._path)
        return frozenset(work for work in found.values() if work is not None)


def _work_in(slot: bytes) -> Work | None:
    if len(slot) != _SLOT_BYTES or _CHECK.pack(crc32(slot[: _WORK.size])) != slot[_WORK.size :]:
        return None
    file, frame, stage = _WORK.unpack_from(slot)
    return Work(file, frame, _STAGES[stage - 1]) if 1 <= stage <= len(_STAGES) else None
