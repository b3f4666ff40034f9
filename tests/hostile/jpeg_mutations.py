"""JPEG files whose marker segments keep their lengths and say something else."""

import struct
from random import Random

from byte_mutations import numbers


def jpeg_segments(data: bytes, random: Random) -> bytes:
    """Numbers inside one marker segment, which keeps its length; or a segment once more, somewhere else."""
    places, place = [], 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != 0xD9:
        (length,) = struct.unpack_from(">H", data, place + 2)
        places.append((place, place + 2 + length))
        place += 2 + length
        if data[place - 2 - length + 1] == 0xDA:
            break
    start, end = random.choice(places)
    if random.random() < 0.3:
        target = random.choice(places)[0]
        return data[:target] + data[start:end] + data[target:]
    return data[: start + 4] + numbers(data[start + 4 : end], random)[: end - start - 4] + data[end:]
