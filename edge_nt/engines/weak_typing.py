"""The one place that asks for names which only some versions of TensorRT have: weak typing, gone in 11.

Precision is a property of our graphs, so every plan is built strongly typed. TensorRT 10 may still refuse an INT8 graph
that way for reasons of its own; there, and only there, a weakly typed build is tried, in which it may choose the types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorrt as trt

# Q/DQ pairs need INT8 allowed; FP16 lets the layers between them be what their types say.
PROBED_FLAGS = ("INT8", "FP16")


def weak_typing_flags() -> tuple[trt.BuilderFlag, ...]:
    """The flags of a weakly typed INT8 build; empty where this TensorRT has no weak typing."""
    import tensorrt as trt

    known = trt.BuilderFlag.__members__
    return tuple(known[name] for name in PROBED_FLAGS) if all(name in known for name in PROBED_FLAGS) else ()
