"""How much a zstd file can hold, told from its headers alone. Nothing is decompressed.

Format: RFC 8878. A file is a row of frames, a frame a header and a row of blocks; no block holds more than 128 KiB.
"""

from __future__ import annotations

from typing import IO

MAGIC = b"\x28\xb5\x2f\xfd"
LARGEST_BLOCK = 1 << 17
_DICTIONARY_SIZES = (0, 1, 2, 4)
_CONTENT_SIZES = (0, 2, 4, 8)
_RAW, _RUN, _COMPRESSED = 0, 1, 2


def most_content(file: IO[bytes]) -> int:
    """Bytes that ``file`` unpacks to at most; of a damaged one, up to where the damage shows."""
    total = 0
    while len(magic := file.read(4)) == 4:
        if magic == MAGIC:
            whole, size = _frame(file)
            total += size
            if not whole:
                break
        elif magic[1:] == b"\x2a\x4d\x18" and magic[0] >> 4 == 5:  # a frame to be skipped
            file.seek(int.from_bytes(file.read(4), "little"), 1)
        else:
            break
    return total


def _frame(file: IO[bytes]) -> tuple[bool, int]:
    """Whether the frame has an end, and what its blocks hold at most."""
    descriptor = int.from_bytes(file.read(1), "little")
    one_segment, checksum = bool(descriptor & 0x20), bool(descriptor & 0x04)
    sized = _CONTENT_SIZES[descriptor >> 6] or int(one_segment)
    file.seek(int(not one_segment) + _DICTIONARY_SIZES[descriptor & 3] + sized, 1)
    total = 0
    while len(header := file.read(3)) == 3:
        fields = int.from_bytes(header, "little")
        last, kind, size = fields & 1, fields >> 1 & 3, fields >> 3
        if kind not in (_RAW, _RUN, _COMPRESSED):
            break
        total += LARGEST_BLOCK if kind == _COMPRESSED else size
        file.seek(1 if kind == _RUN else size, 1)
        if last:
            file.seek(4 * checksum, 1)
            return True, total
    return False, total
