"""The options that commands which take frames through a bundle share, so that they read alike everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

Jobs = Annotated[
    int | None, typer.Option(help="Frames at the same time: one a core, up to 8, by default; 1: one by one.")
]
Threads = Annotated[
    int | None, typer.Option(help="Threads inside an operator, for each job; by default the jobs share the cores.")
]
Backend = Annotated[
    str, typer.Option(help="onnxruntime, openvino, openvino-bf16, tensorrt, or auto: the fastest faithful one.")
]
AllowUnverified = Annotated[
    bool, typer.Option("--allow-unverified", help="Run a bundle without a verdict of verify, or with a failed one.")
]
Video = Annotated[
    float | None, typer.Option(help="Write scan beside reconstruction as video of that rate.", metavar="FPS")
]
Dicom = Annotated[
    bool, typer.Option("--dicom", help="Write each reconstruction as DICOM Secondary Capture in its scan's study.")
]
