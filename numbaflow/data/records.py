"""The framing of TFRecord files: length, its checksum, data, its checksum, all little-endian."""
import struct

from numbaflow.core.errors import DataLossError
from numbaflow.kernels.crc32c import masked

_LENGTH, _CHECK = struct.Struct("<Q"), struct.Struct("<I")


def write_record(file, data):
    """Append the bytes of a record to a file."""
    length = _LENGTH.pack(len(data))
    file.write(b"".join([length, _CHECK.pack(masked(length)), data, _CHECK.pack(masked(data))]))


def read_record(file, name):
    """The bytes of the next record of a file, None at its end; DataLossError for what is no whole record."""
    start = file.tell()
    head = file.read(12)
    if not head:
        return None
    if len(head) < 12 or masked(head[:8]) != _CHECK.unpack(head[8:])[0]:
        raise _lost("corrupted", name, start)
    length, = _LENGTH.unpack(head[:8])
    data, check = _read_exactly(file, length), file.read(4)
    if data is None or len(check) < 4:
        raise _lost("truncated", name, start)
    if masked(data) != _CHECK.unpack(check)[0]:
        raise _lost("corrupted", name, start)
    return data


def _read_exactly(file, length):
    """The next bytes, or None; in pieces, for a length that was never written could ask for any memory."""
    pieces = []
    while length:
        piece = file.read(min(length, 1 << 24))
        if not piece:
            return None
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def _lost(how, name, start):
    return DataLossError(f"{how} record at {start} in {name}")
