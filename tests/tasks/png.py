# SPDX-License-Identifier: LGPL-2.1-or-later

"""The pixels of a PNG, read by nothing that the sandboxes have: the tests' machine has no library for
it. Eight bits a channel, not interlaced; that is what all the tools of the tasks write."""

import struct
import zlib

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


class Picture:
    def __init__(self, data):
        assert data[:8] == b"\x89PNG\r\n\x1a\n", data[:8]
        chunks = {}
        at = 8
        while at < len(data):
            size, kind = struct.unpack_from(">I4s", data, at)
            chunks[kind] = chunks.get(kind, b"") + data[at + 8:at + 8 + size]
            at += 12 + size
        self.width, self.height, depth, self.colour, _, _, interlaced = struct.unpack(
            ">IIBBBBB", chunks[b"IHDR"])
        assert (depth, interlaced) == (8, 0), "not of the kind that is read here"
        self.palette = chunks.get(b"PLTE", b"")
        self.channels = CHANNELS[self.colour]
        self.rows = self._unfilter(zlib.decompress(chunks[b"IDAT"]))

    def _unfilter(self, data):
        step, size = self.channels, self.width * self.channels
        above, rows = bytearray(size), []
        for start in range(0, len(data), size + 1):
            kind, row = data[start], bytearray(data[start + 1:start + 1 + size])
            if kind == 1:
                for i in range(step, size):
                    row[i] = (row[i] + row[i - step]) & 255
            elif kind == 2:
                row = bytearray((a + b) & 255 for a, b in zip(row, above))
            elif kind == 3:
                for i in range(size):
                    left = row[i - step] if i >= step else 0
                    row[i] = (row[i] + (left + above[i]) // 2) & 255
            elif kind == 4:
                for i in range(size):
                    left, corner = (row[i - step], above[i - step]) if i >= step else (0, 0)
                    row[i] = (row[i] + paeth(left, above[i], corner)) & 255
            rows.append(row)
            above = row
        return rows

    def pixel(self, x, y):
        """Red, green, blue."""
        values = self.rows[y][x * self.channels:(x + 1) * self.channels]
        if self.colour == 3:
            return tuple(self.palette[values[0] * 3:values[0] * 3 + 3])
        if self.colour in (0, 4):
            return (values[0],) * 3
        return tuple(values[:3])

    def share(self, colour, box=None, tolerance=24):
        """Which part, from 0 to 1, of the pixels in (left, top, right, bottom) has this colour."""
        left, top, right, bottom = box or (0, 0, self.width, self.height)
        near = sum(all(abs(a - b) <= tolerance for a, b in zip(self.pixel(x, y), colour))
                   for y in range(top, bottom) for x in range(left, right))
        return near / ((right - left) * (bottom - top))


def paeth(left, above, corner):
    guess = left + above - corner
    distances = abs(guess - left), abs(guess - above), abs(guess - corner)
    return (left, above, corner)[distances.index(min(distances))]
