"""Exceptions nobody foresaw, as the error of the one frame that met them."""

from __future__ import annotations

import traceback

from edge_nt.errors import EdgeNtError, InputError

_LONGEST_MESSAGE = 300


def as_frame_error(error: Exception, name: str) -> EdgeNtError:
    """What to say of the frame `name`: `error` itself where it is meant for people, else its type, words and place."""
    if isinstance(error, EdgeNtError):
        return error
    words = " ".join(str(error).split())[:_LONGEST_MESSAGE]
    return InputError(
        expected="a frame that can be decoded and reconstructed",
        got=f"{type_name(error)} for {name}: {words or 'no message'} (at {place_of(error)})",
        fix="check the file; if it is sound, report this as a defect of edge-nt",
    )


def type_name(error: BaseException) -> str:
    """The type of an exception as one would import it: ``MemoryError``, ``struct.error``."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def place_of(error: BaseException) -> str:
    """The module and line where `error` was raised: the innermost of ours and, where it is another, the library's."""
    frames = [(frame.f_globals.get("__name__", "?"), line) for frame, line in traceback.walk_tb(error.__traceback__)]
    if not frames:
        return "an unknown place"
    ours = [place for place in frames if place[0].startswith("edge_nt.")]
    places = dict.fromkeys([*ours[-1:], frames[-1]])
    return " > ".join(f"{module}:{line}" for module, line in places)
