"""The checksums an object store sends along: MD5 and CRC-32C (RFC 3720, appendix B.4)."""

import base64
import hashlib
import struct

_POLYNOMIAL = 0x82F63B78  # Castagnoli, reflected
_LONGEST = 256 * 1024  # byte by byte in Python, so only for what is small


def md5_hex(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def goog_hash(content: bytes) -> str:
    """Return the `x-goog-hash` header; CRC-32C is left out for large contents."""
    md5 = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    if len(content) > _LONGEST:
        return f"md5={md5}"
    crc = base64.b64encode(struct.pack(">I", crc32c(content))).decode()
    return f"crc32c={crc}, md5={md5}"


def crc32c(content: bytes) -> int:
    table = [_entry(index) for index in range(256)]
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _entry(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
    return value
