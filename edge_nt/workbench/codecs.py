"""AVIF, WebP and JPEG XL against the latent, at equal bytes and at equal error inside the ROI."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from edge_nt.bench.codec_result import Codecs, CodingMetric, CodingResult, EqualErrorBytes, MetricName, Winner
from edge_nt.bundle.manifest import BundleManifest
from edge_nt.datasets.dataset import Dataset, Row
from edge_nt.datasets.site import in_site, known_sites
from edge_nt.errors import InputError
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.letterbox import affine_for, letterbox, to_unit_range
from edge_nt.imaging.roi import Roi, refuse_leaving
from edge_nt.metrics.bootstrap import Interval, bootstrap_difference, bootstrap_interval
from edge_nt.metrics.roi_metrics import ImageMetrics, RoiMetrics, image_metrics
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.verify.reference_pass import SOURCE_VALIDATION
from edge_nt.workbench.codec_search import best_within, bytes_for_roi_mae
from edge_nt.workbench.picture_codecs import PictureCodec, Pixels, picture_codecs

_BYTES_PER_NUMBER = 2  # float16
_METRICS: tuple[tuple[MetricName, bool, Callable[[ImageMetrics], float | None]], ...] = (
    ("roi_mae", False, lambda metrics: _region(metrics).mae if metrics.regions else None),
    ("roi_edge_mae", False, lambda metrics: _region(metrics).edge_mae if metrics.regions else None),
    ("psnr_db", True, lambda metrics: metrics.psnr_db),
    ("ms_ssim", True, lambda metrics: metrics.ms_ssim),
)
OnFrame = Callable[[int, int], None]


@dataclass(frozen=True)
class _Scan:
    group: str
    pixels: Pixels
    roi: Roi | None


@dataclass(frozen=True)
class _Outcome:
    """One scan through one coder; `metrics` is None where nothing fitted, `equal_bytes` where that was not reached."""

    metrics: ImageMetrics | None
    payload_bytes: int = 0
    file_bytes: int = 0
    equal_bytes: int | None = None


def compare_codecs(reconstructors: Sequence[Reconstructor], dataset: Dataset, on_frame: OnFrame) -> Codecs:
    """Every codec against bundles of one run on source validation and the held-out hospital, at network size.

    A latent is cast to float16 and back before it is decoded. Each codec searches quality and picture size for the
    highest PSNR within as many bytes. Differences and equal-error bytes are against the first of `reconstructors`.
    `on_frame` gets the scans coded and their total.
    Raises: InputError when the dataset has no such rows or a latent leaves float16; MissingDependencyError without
    imagecodecs.
    """
    codecs, manifest = picture_codecs(), reconstructors[0].bundle.manifest
    scans = _scans(dataset, manifest)
    budget = manifest.latent_dim * _BYTES_PER_NUMBER
    outcomes = {_name(each): [_through_latent(each, scan, budget) for scan in scans] for each in reconstructors}
    ours = _name(reconstructors[0])
    tick = _ticker(len(scans) * len(codecs), on_frame)
    for codec in codecs:
        outcomes[codec.name] = _through_codec(codec, scans, outcomes[ours], budget, tick)
    codec_names = {codec.name for codec in codecs}
    return Codecs(
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        budget_bytes=budget,
        ours=ours,
        versions={codec.name: codec.version for codec in codecs},
        results=tuple(
            _result(coder, group, scans, outcomes, ours=ours, is_codec=coder in codec_names)
            for group in dict.fromkeys(scan.group for scan in scans)
            for coder in outcomes
        ),
    )


def winner(codec_minus_ours: Interval, *, higher_is_better: bool) -> Winner:
    """Who is better by a whole interval of differences; ``neither`` where it reaches 0."""
    if codec_minus_ours.low <= 0 <= codec_minus_ours.high:
        return "neither"
    return "codec" if (codec_minus_ours.low > 0) == higher_is_better else "ours"


def _ticker(total: int, on_frame: OnFrame) -> Callable[[], None]:
    done = count(1)
    return lambda: on_frame(next(done), total)


def _name(reconstructor: Reconstructor) -> str:
    manifest = reconstructor.bundle.manifest
    return f"ours {reconstructor.bundle.folder.resolve().name} ({manifest.precision})"


def rows_to_code(dataset: Dataset, manifest: BundleManifest) -> list[tuple[str, Row]]:
    """Every row of source validation and of the held-out site with its group. Raises: InputError when one has none."""
    rows = []
    for row in dataset.rows:
        if in_site(manifest.held_out_hospital, row):
            rows.append((f"held-out {manifest.held_out_hospital}", row))
        elif row.split == "val" and any(in_site(site, row) for site in manifest.source_hospitals):
            rows.append((SOURCE_VALIDATION, row))
    if len({group for group, _ in rows}) < 2:
        raise InputError(
            expected=f"source validation and rows of {manifest.held_out_hospital} in {dataset.root}",
            got=f"rows of {', '.join(known_sites(dataset.rows))}",
            fix="name the dataset that the bundle's run was split from",
        )
    return sorted(rows, key=lambda pair: pair[0] != SOURCE_VALIDATION)


def _scans(dataset: Dataset, manifest: BundleManifest) -> list[_Scan]:
    scans = []
    for group, row in rows_to_code(dataset, manifest):
        source = decode_image(dataset.path(row)).pixels
        box = dataset.roi(row, manifest.structure)
        if box is not None:
            refuse_leaving(box, source.shape[0], source.shape[1], f"{row.file} in {dataset.root / 'boxes.csv'}")
        affine = affine_for(source.shape[0], source.shape[1], manifest.preprocess)
        roi = None if box is None else affine.to_network(box)
        scans.append(_Scan(group, letterbox(source, manifest.preprocess), roi))
    return scans


def _through_latent(reconstructor: Reconstructor, scan: _Scan, budget: int) -> _Outcome:
    with np.errstate(over="ignore"):
        stored = reconstructor.session.encode(to_unit_range(scan.pixels[None])).astype(np.float16)
    if not np.isfinite(stored).all():
        raise InputError(
            expected="latents within the range of float16",
            got=f"larger ones from {reconstructor.bundle.folder}",
            fix="look into the checkpoint: latents are of the order of 10",
        )
    decoded = reconstructor.session.decode(stored.astype(np.float32))[0, 0]
    return _Outcome(_metrics(scan, np.clip(decoded, 0.0, 1.0)), budget, budget)


def _through_codec(
    codec: PictureCodec, scans: Sequence[_Scan], ours: Sequence[_Outcome], budget: int, on_scan: Callable[[], None]
) -> list[_Outcome]:
    def one(scan: _Scan, latent: _Outcome) -> _Outcome:
        equal = None
        if scan.roi is not None and latent.metrics is not None:
            equal = bytes_for_roi_mae(codec, scan.pixels, scan.roi, _region(latent.metrics).mae)
        coded = best_within(codec, scan.pixels, budget)
        if coded is None:
            return _Outcome(None, equal_bytes=equal)
        candidate = to_unit_range(coded.pixels[None])[0, 0]
        return _Outcome(_metrics(scan, candidate), coded.payload_bytes, coded.file_bytes, equal)

    outcomes = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # codecs and OpenCV work outside the interpreter lock
        for outcome in pool.map(one, scans, ours):
            outcomes.append(outcome)
            on_scan()
    return outcomes


def _metrics(scan: _Scan, candidate: NDArray[np.float32]) -> ImageMetrics:
    return image_metrics(to_unit_range(scan.pixels[None])[0, 0], candidate, () if scan.roi is None else (scan.roi,))


def _region(metrics: ImageMetrics) -> RoiMetrics:
    """The metrics of the one structure that codecs are compared on."""
    (region,) = metrics.regions.values()
    return region


def _result(
    coder: str,
    group: str,
    scans: Sequence[_Scan],
    outcomes: Mapping[str, Sequence[_Outcome]],
    *,
    ours: str,
    is_codec: bool,
) -> CodingResult:
    places = [place for place, scan in enumerate(scans) if scan.group == group]
    coded = [place for place in places if outcomes[coder][place].metrics is not None]
    chosen, latents = ([outcomes[name][place] for place in coded] for name in (coder, ours))
    boxed = [outcomes[coder][place] for place in places if scans[place].roi is not None]
    return CodingResult(
        coder=coder,
        group=group,
        images=len(places),
        images_with_roi=len(boxed),
        did_not_fit=len(places) - len(coded),
        mean_payload_bytes=float(np.mean([each.payload_bytes for each in chosen])) if chosen else 0.0,
        mean_file_bytes=float(np.mean([each.file_bytes for each in chosen])) if chosen else 0.0,
        metrics=_summaries(chosen, None if coder == ours else latents, is_codec=is_codec),
        bytes_at_our_roi_mae=_equal_bytes(boxed) if is_codec and boxed else None,
    )


def _summaries(
    chosen: Sequence[_Outcome], latents: Sequence[_Outcome] | None, *, is_codec: bool
) -> tuple[CodingMetric, ...]:
    metrics = []
    for name, higher, value in _METRICS:
        own = _values(chosen, value)
        if not own.size:
            continue
        against = None if latents is None else bootstrap_difference(_values(latents, value), own, seed=0)
        better = None if against is None or not is_codec else winner(against, higher_is_better=higher)
        metrics.append(CodingMetric(name, higher, bootstrap_interval(own, seed=0), against, better))
    return tuple(metrics)


def _values(outcomes: Sequence[_Outcome], value: Callable[[ImageMetrics], float | None]) -> NDArray[np.float64]:
    found = [value(each.metrics) for each in outcomes if each.metrics is not None]
    return np.array([each for each in found if each is not None], np.float64)


def _equal_bytes(boxed: Sequence[_Outcome]) -> EqualErrorBytes:
    reached = [each.equal_bytes for each in boxed if each.equal_bytes is not None]
    if not reached:
        return EqualErrorBytes(0, len(boxed), None, None, None)
    low, median, high = (float(value) for value in np.quantile(reached, (0.25, 0.5, 0.75)))
    return EqualErrorBytes(len(reached), len(boxed) - len(reached), median, low, high)
