from __future__ import annotations

from edge_nt.evaluation.examples import pick_examples
from edge_nt.evaluation.summary import HELD_OUT, SOURCE_VALIDATION, ImageRecord
from edge_nt.metrics.roi_metrics import ImageMetrics, RoiMetrics


def _record(mae: float | None, split: str = HELD_OUT) -> ImageRecord:
    # Stage 1 ranks the other way round: only stage 2 decides.
    stages = [ImageMetrics(20, 0.5, 0.5, _regions(mae, value)) for value in (1 - (mae or 0), mae or 0)]
    return ImageRecord("x.png", "a", split, *stages)


def _regions(mae: float | None, value: float) -> dict[str, RoiMetrics]:
    # Another structure ranks all images alike: it has no say.
    return {"bone": RoiMetrics(0.5, 0.1, 20)} | ({} if mae is None else {"NT": RoiMetrics(value, 0.1, 20)})


def test_best_median_and_worst_of_the_split_by_stage_2() -> None:
    values = (0.3, None, 0.1, 0.5, 0.2, 0.4)
    records = (_record(0.01, SOURCE_VALIDATION), *(_record(value) for value in values))
    assert pick_examples(records, HELD_OUT, "NT") == (("best", 3), ("median", 1), ("worst", 4))


def test_fewer_images_give_fewer_examples_none_twice() -> None:
    assert pick_examples((_record(0.4), _record(0.3)), HELD_OUT, "NT") == (("best", 1), ("worst", 0))
    assert pick_examples((_record(0.4),), HELD_OUT, "NT") == (("best", 0),)
    assert pick_examples((_record(None),), HELD_OUT, "NT") == ()
