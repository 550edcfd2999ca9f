#!/usr/bin/env python3
"""Writes srgb.icc: the sRGB colour space (IEC 61966-2-1) as a small ICC v2.1 display profile.

The colorants are those of IEC 61966-2-1, adapted to D50 by Bradford; the curve is its transfer
function at 1024 points. The file is made once and kept beside this script, which is its source.
"""

import struct
from pathlib import Path


def fixed(value):
    return struct.pack(">i", round(value * 65536))


def xyz(x, y, z):
    return b"XYZ \0\0\0\0" + fixed(x) + fixed(y) + fixed(z)


def text(tag, words):
    return tag + b"\0\0\0\0" + words


def linear(encoded):
    return encoded / 12.92 if encoded <= 0.04045 else ((encoded + 0.055) / 1.055) ** 2.4


name = b"sRGB IEC61966-2.1\0"
description = b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + b"\0" * (4 + 4 + 2 + 1 + 67)
curve = b"curv\0\0\0\0" + struct.pack(">I", 1024)
curve += b"".join(struct.pack(">H", round(linear(step / 1023) * 65535)) for step in range(1024))
blocks = [
    ([b"desc"], description),
    ([b"cprt"], text(b"text", b"No copyright, use freely\0")),
    ([b"wtpt"], xyz(0.9642, 1.0, 0.8249)),
    ([b"rXYZ"], xyz(0.43607, 0.22249, 0.01392)),
    ([b"gXYZ"], xyz(0.38515, 0.71687, 0.09708)),
    ([b"bXYZ"], xyz(0.14307, 0.06061, 0.71410)),
    ([b"rTRC", b"gTRC", b"bTRC"], curve),
]
count = sum(len(tags) for tags, _ in blocks)
offset = 128 + 4 + 12 * count
table, data = b"", b""
for tags, block in blocks:
    for tag in tags:
        table += tag + struct.pack(">II", offset + len(data), len(block))
    data += block + b"\0" * (-len(block) % 4)
body = struct.pack(">I", count) + table + data
header = struct.pack(">I", 128 + len(body)) + b"\0\0\0\0" + struct.pack(">I", 0x02100000)
header += b"mntrRGB XYZ " + struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 4
header += b"\0" * 4 + b"\0" * 8 + b"\0" * 8 + struct.pack(">I", 0)
header += fixed(0.9642) + fixed(1.0) + fixed(0.8249)
header += b"\0" * (128 - len(header))
Path(__file__).with_name("srgb.icc").write_bytes(header + body)
