"""The zip of an export: stored, without one byte of freedom (docs/audit-format.md), written as a stream.

The same members give the same bytes on every machine; a flipped bit anywhere is in a field that the
verifier compares.
"""

import struct
import zlib
from collections.abc import Iterable
from typing import BinaryIO

VERSION = 20
UTF8_NAMES = 0x0800
STORED = 0
#: 1980-01-01, 00:00: an export's time is in its lines.
TIME, DATE = 0, 0x0021
MAX_BYTES = 3 * 2**30
MAX_MEMBERS = 65_535

LOCAL = struct.Struct("<4s5H3I2H")
CENTRAL = struct.Struct("<4s6H3I5H2I")
END = struct.Struct("<4s4H2IH")


class TooLarge(ValueError):
    """The export would need zip64, which the format does not have: a smaller one must be asked for."""


class Archive:
    """Writes members to a seekable ``file``, one after another, then the directory. Memory: one chunk."""

    def __init__(self, file: BinaryIO, max_bytes: int = MAX_BYTES) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._offset = 0
        self._directory: list[bytes] = []
        self._directory_bytes = 0

    def add(self, name: str, chunks: Iterable[bytes]) -> int:
        """Write one member; return its size in bytes. Errors: TooLarge."""
        encoded = name.encode()
        start, crc, size = self._offset, 0, 0
        self._write(LOCAL.pack(*_local(encoded, 0, 0)) + encoded)
        for chunk in chunks:
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
            self._write(chunk)
        self._file.seek(start)
        self._file.write(LOCAL.pack(*_local(encoded, crc, size)))
        self._file.seek(self._offset)
        self._directory.append(CENTRAL.pack(*_central(encoded, crc, size, start)) + encoded)
        self._directory_bytes += len(self._directory[-1])
        if len(self._directory) > MAX_MEMBERS:
            raise TooLarge(f"over {MAX_MEMBERS} files")
        return size

    def finish(self) -> int:
        """Write the directory and the end record; return the zip's size in bytes. Errors: TooLarge."""
        start, count = self._offset, len(self._directory)
        for record in self._directory:
            self._write(record)
        size = self._offset - start
        self._write(END.pack(b"PK\x05\x06", 0, 0, count, count, size, start, 0))
        return self._offset

    def _write(self, data: bytes) -> None:
        self._offset += len(data)
        if self._offset + self._directory_bytes > self._max_bytes:
            raise TooLarge(f"over {self._max_bytes} bytes")
        self._file.write(data)


def _local(name: bytes, crc: int, size: int) -> tuple[bytes | int, ...]:
    return (b"PK\x03\x04", VERSION, UTF8_NAMES, STORED, TIME, DATE, crc, size, size, len(name), 0)


def _central(name: bytes, crc: int, size: int, offset: int) -> tuple[bytes | int, ...]:
    head = (b"PK\x01\x02", VERSION, VERSION, UTF8_NAMES, STORED, TIME, DATE, crc, size, size, len(name))
    return (*head, 0, 0, 0, 0, 0, offset)
