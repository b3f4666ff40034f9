"""Damage that knows nothing of a format: cuts, flips, wild numbers, moved and foreign blocks; seeded."""

from collections.abc import Callable
from random import Random

Mutation = Callable[[bytes, Random], bytes]

# Where counts, lengths and sizes break code that trusts them.
_WILD = (0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 65500, 100_000, 0x7FFFFFFF, 0x80000000)
_WILD_64 = (*_WILD, 0xFFFFFFFF, 0xFFFFFFFE, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
# The start of every kind: in front of another file's rest, each is a polyglot.
_HEADS = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0\x00\x10JFIF\0",
    b"II*\0\x08\0\0\0",
    b"MM\0+\0\x08\0\0",
    b"BM\x36\x04\0\0",
    b"\xff\x4f\xff\x51\0\x29",
    b"RIFF\xff\xff\xff\x7fAVI LIST",
    b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska",
    b"\0\0\0\x18ftypisom",
    b"\0\0\0\x08wide",
    bytes(128) + b"DICM",
    b"PK\x03\x04",
    b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n",
    b"ffconcat version 1.0\nfile /etc/hostname\n",
    b"{",
)


def truncated(data: bytes, random: Random) -> bytes:
    """The first bytes only: anywhere, within the header, or a few short of the end."""
    longest = max(len(data) - 1, 0)
    return data[
        : random.choice((random.randint(0, longest), random.randint(0, min(64, longest)), longest - longest % 8))
    ]


def bits(data: bytes, random: Random) -> bytes:
    """One to eight flipped bits."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 8)):
        changed[_place(changed, random)] ^= 1 << random.randrange(8)
    return bytes(changed)


def many_bits(data: bytes, random: Random) -> bytes:
    """One byte in a hundred is another one."""
    changed = bytearray(data)
    for _ in range(max(len(changed) // 100, 1)):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def numbers(data: bytes, random: Random) -> bytes:
    """One to three numbers of 1, 2, 4 or 8 bytes, in either order, become extreme."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 3)):
        width = random.choice((1, 2, 4, 4, 8))
        place = _place(changed, random)
        wild = random.choice(_WILD_64) & ((1 << 8 * width) - 1)
        changed[place : place + width] = wild.to_bytes(width, random.choice(("little", "big")))
    return bytes(changed)


def zeroed(data: bytes, random: Random) -> bytes:
    """A run of zeros, as a disk leaves that lost a block."""
    start, end = _block(data, random)
    return data[:start] + bytes(end - start) + data[end:]


def removed(data: bytes, random: Random) -> bytes:
    """A block is missing."""
    start, end = _block(data, random)
    return data[:start] + data[end:]


def repeated(data: bytes, random: Random) -> bytes:
    """A block stands there twice, or hundreds of times."""
    start, end = _block(data, random)
    return data[:start] + data[start:end] * random.choice((2, 3, 300)) + data[end:]


def swapped(data: bytes, random: Random) -> bytes:
    """Two blocks have changed places."""
    first, second = sorted((_block(data, random), _block(data, random)))
    if first[1] > second[0]:
        return data[::-1]
    between = data[first[1] : second[0]]
    return data[: first[0]] + data[slice(*second)] + between + data[slice(*first)] + data[second[1] :]


def junk_behind(data: bytes, random: Random) -> bytes:
    """Something else follows, which for most kinds is harmless."""
    return data + random.choice((random.randbytes(4096), data, bytes(4096), _HEADS[0]))


def foreign_head(data: bytes, random: Random) -> bytes:
    """The start of another kind, before the file or over its own start."""
    head = random.choice(_HEADS)
    return head + (data if random.random() < 0.5 else data[len(head) :])


BYTE_MUTATIONS: dict[str, Mutation] = {
    mutation.__name__: mutation
    for mutation in (truncated, bits, many_bits, numbers, zeroed, removed, repeated, swapped, junk_behind, foreign_head)
}


def any_bytes(data: bytes, random: Random) -> bytes:
    """One of these mutations, whichever the generator takes; of nothing, one byte."""
    return random.choice(list(BYTE_MUTATIONS.values()))(data, random) if data else b"\0"


def _place(data: bytes | bytearray, random: Random) -> int:
    """Anywhere, or as often in the first 256 bytes, where headers are."""
    return random.randrange(len(data) if random.random() < 0.5 else min(len(data), 256))


def _block(data: bytes, random: Random) -> tuple[int, int]:
    start = random.randrange(len(data))
    return start, min(start + random.choice((1, 4, 16, 64, 512)), len(data))
