"""`edge-nt reference`: the bundles that edge-nt ships with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def reference(
    run: Annotated[Path, typer.Argument(help="Run folder that the bundles were exported from.")],
    *,
    bundle: Annotated[
        list[Path], typer.Option(help="Bundle to ship; repeat, the one that `run` prefers first.", metavar="DIR")
    ],
    evaluation: Annotated[Path, typer.Option(help="evaluation.json of the run.", metavar="FILE")],
    verify: Annotated[list[Path], typer.Option(help="Verify report; at least one of each bundle.", metavar="FILE")],
    ood: Annotated[Path, typer.Option(help="ood.json of the run.", metavar="FILE")],
    study: Annotated[
        Path | None, typer.Option(help="study.json that the run is from, for the card.", metavar="FILE")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The run's dataset folder, where it has moved.")] = None,
    out: Annotated[Path, typer.Option(help="Folder to fill.")] = Path("export/reference"),
    not_shown: Annotated[
        str | None,
        typer.Option(help="Why the bundles may ship with gates of the held-out site not shown.", metavar="REASON"),
    ] = None,
    force: Annotated[bool, typer.Option(help="Replace a reference that is better or cannot be compared.")] = False,
) -> None:
    """Fill the folder of shipped bundles with a model that is better than the one there, and write its model card."""
    from edge_nt.bundle.reference import CARD_NAME
    from edge_nt.report.reference_folder import ReferenceParts, make_reference

    parts = ReferenceParts(run, tuple(bundle), evaluation, tuple(verify), ood, study, data)
    made = make_reference(parts, out, not_shown_reason=not_shown, force=force)
    for shipped in made.bundles:
        left_open = f", {len(shipped.not_shown)} gates not shown" if shipped.not_shown else ", every gate passed"
        typer.echo(f"{out / shipped.folder}: {shipped.precision}, {shipped.size_bytes / 1e6:.1f} MB{left_open}")
    typer.echo(
        f"ROI MAE of source validation: {made.standard.roi_mae:.5f} over {made.standard.images} images. "
        f"{out / CARD_NAME} has the rest."
    )
