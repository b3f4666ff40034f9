"""`edge-nt demo`: which commands it runs."""

from pathlib import Path
from typing import Any

import pytest

from edge_nt.cli.demo import BUNDLES, DemoPaths, demo


class _BenchReachedError(Exception):
    pass


def test_a_demo_that_is_run_again_replaces_the_bundles_that_it_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command is recorded instead of run; exports leave their folder."""
    exports: list[list[str]] = []

    def recorded(*, args: list[str], **_: Any) -> None:
        if args[0] == "bench":
            raise _BenchReachedError
        if args[0] == "export":
            exports.append(args)
            Path(args[args.index("--out") + 1]).mkdir(exist_ok=True)

    monkeypatch.setattr("edge_nt.cli.app.app", recorded)
    for _ in range(2):
        with pytest.raises(_BenchReachedError):
            demo(tmp_path)
    assert [Path(args[args.index("--out") + 1]) for args in exports] == 2 * [*map(DemoPaths(tmp_path).bundle, BUNDLES)]
    assert ["--force" in args for args in exports] == [False] * len(BUNDLES) + [True] * len(BUNDLES)
