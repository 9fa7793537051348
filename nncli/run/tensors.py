"""Named arrays in one safetensors file, every byte of which is covered by a digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nncli.engine.buffers import Array
from nncli.errors import RunError
from nncli.run.files import opened, replaced

NOTE = "nncli"
"""The one entry of the metadata, ``DIGEST KIND NOTES``: several would come in another order every time."""
OPEN = "0" * 64
"""What stands in the place of the digest while it is computed."""
MOST = 2**40
"""Bytes that a file of tensors may have: far more than a network for a CPU."""
MOST_OF_HEADER = 2**24


def write_tensors(path: Path, kind: str, tensors: Mapping[str, Array], notes: str = "") -> None:
    """Write ``tensors`` to ``path``, whole or not at all; the same tensors make the same bytes.

    Args:
        path: Where.
        kind: What it is, and its version: ``nncli-weights-1``.
        tensors: By name.
        notes: What else it says.

    Raises:
        RunError: It cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    plain = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    with replaced(path) as temporary:
        try:
            save_file(plain, temporary, {NOTE: f"{OPEN} {kind} {notes}"})
        except SafetensorError as error:  # it says so of what the operating system refuses, too
            raise RunError(f"cannot write it: {str(error).rpartition('I/O error: ')[2]}", where=str(path)) from None
        with temporary.open("rb+") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            length = file.read(8)
            file.seek(_place_of_digest(length + file.read(int.from_bytes(length, "little"))).start)
            file.write(digest.encode())


def read_tensors(path: Path, kind: str) -> tuple[dict[str, Array], str]:
    """The tensors and the notes of ``path``, if every byte is as it was written.

    Raises:
        RunError: The file is missing, of another kind, or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        with opened(path, MOST) as (file, size):
            raw = file.read(8)
            raw += file.read(_end_of_header(raw, size) - 8)
            place = _place_of_digest(raw)  # before memory is taken for what may be anything
            file.seek(0)
            raw = file.read(size)
        whole = memoryview(raw)
        found = hashlib.sha256(whole[: place.start])
        found.update(OPEN.encode())
        found.update(whole[place.stop :])
        if found.hexdigest().encode() != raw[place]:
            raise RunError("is damaged: its content does not match its digest", where=str(path))
        header = json.loads(raw[8 : _end_of_header(raw, size)])
        _, its_kind, notes = header["__metadata__"][NOTE].split(" ", 2)
        if its_kind != kind:
            raise RunError(f"is of kind {its_kind!r}, and not {kind!r}", where=str(path))
        tensors: dict[str, Array] = load(raw)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(f"is damaged, or was not written by nncli ({error})", where=str(path)) from None
    return tensors, notes


def digest_of(tensors: Mapping[str, Array]) -> str:
    """SHA-256 over names, dtypes, shapes and bytes, in the order of the names: the identity of a set of weights."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        digest.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _end_of_header(raw: bytes, size: int) -> int:
    """Where the tensors begin in ``size`` bytes: the format starts with the length of its header in 8 of them."""
    end = 8 + int.from_bytes(raw[:8], "little")
    if not 8 < end <= min(size, MOST_OF_HEADER):
        raise ValueError("its header does not end")
    return end


def _place_of_digest(raw: bytes) -> slice:
    start = raw.find(f'"{NOTE}":"'.encode(), 8, _end_of_header(raw, len(raw)))
    if start < 0:
        raise ValueError("it has no digest")
    start += len(f'"{NOTE}":"')
    return slice(start, start + len(OPEN))
