"""AWS's binary framing of a stream: lengths and checksums around headers and a payload.

The format: https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html (prelude, headers, payload, CRC32).
"""

import struct
from collections.abc import Mapping
from zlib import crc32

STRING = 7  # the type of a header's value


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    head = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack("!II", 12 + len(head) + len(payload) + 4, len(head))
    message = prelude + struct.pack("!I", crc32(prelude)) + head + payload
    return message + struct.pack("!I", crc32(message))


def _header(name: str, value: str) -> bytes:
    return struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", STRING, len(value)) + value.encode()
