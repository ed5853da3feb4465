"""CRC-32C (Castagnoli, RFC 3720), the checksum of TFRecord files.

Eight bytes a step, each looked up in its own table (Kounavis and Berry 2005).
"""
import numpy as np

from .jit import kernel

_POLYNOMIAL = 0x82F63B78                # 0x1EDC6F41 with its bits reversed


def _tables():
    """tables[k, b]: what byte b adds to the checksum when k more bytes follow it."""
    tables = np.zeros((8, 256), np.uint32)
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = np.where(crc & 1, (crc >> 1) ^ np.uint32(_POLYNOMIAL), crc >> 1)
    tables[0] = crc
    for k in range(1, 8):
        tables[k] = (tables[k - 1] >> 8) ^ tables[0][tables[k - 1] & 0xFF]
    return tables


_TABLES = _tables()


@kernel
def update(crc, data, tables):
    """The checksum register after the bytes of data."""
    crc, whole = np.uint32(crc), data.size // 8 * 8
    for i in range(0, whole, 8):
        low = crc ^ (np.uint32(data[i]) | np.uint32(data[i + 1]) << np.uint32(8)
                     | np.uint32(data[i + 2]) << np.uint32(16) | np.uint32(data[i + 3]) << np.uint32(24))
        crc = np.uint32(
            tables[7, low & np.uint32(0xFF)] ^ tables[6, low >> np.uint32(8) & np.uint32(0xFF)]
            ^ tables[5, low >> np.uint32(16) & np.uint32(0xFF)] ^ tables[4, low >> np.uint32(24)]
            ^ tables[3, data[i + 4]] ^ tables[2, data[i + 5]] ^ tables[1, data[i + 6]]
            ^ tables[0, data[i + 7]])
    for i in range(whole, data.size):
        crc = np.uint32(crc >> np.uint32(8) ^ tables[0, (crc ^ data[i]) & np.uint32(0xFF)])
    return crc


def crc32c(data):
    """The checksum of bytes, an int."""
    view = np.frombuffer(data, np.uint8)
    return int(update(np.uint32(0xFFFFFFFF), view, _TABLES)) ^ 0xFFFFFFFF


def masked(data):
    """The checksum rotated right by 15 bits plus a constant, as TFRecord files store it."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
