"""How fast training is against the plain recipe, and that it learns the same."""

from __future__ import annotations

from edge_nt.report.line_plot import LinePlot, Series, line_plot
from edge_nt.report.markup import Html, element, joined, paragraph
from edge_nt.report.place import Place, cited, figure, number
from edge_nt.report.study import TRAINING_SPEED, Study
from edge_nt.report.table import columns, table

# A drawn curve has about as many points as it has pixels to show them on.
_POINTS = 120


def training_speed_section(study: Study) -> Html:
    """Speed, loss curves, profile and the loss's equality of every measurement; empty when there is none."""
    files = study.of(TRAINING_SPEED)
    if not files:
        return Html("")
    parts = [part for file in files for part in _measurement(file)]
    return element("section", {"id": "trainingspeed"}, element("h2", {}, "Training speed"), *parts)


def _measurement(file: Place) -> list[Html]:
    speed = file.at("speed_up")
    bounds = [figure(speed.at(part), ".2f") for part in ("estimate", "low", "high")]
    machine = file.at("machine").value
    setup = f"{file.at('device').text()}, {file.at('precision').text()}, torch {file.at('torch_version').text()}"
    place = f"{machine['cpu']}, {file.at('threads').text()} threads, {setup}, {file.at('dataset').text()}"
    words = ["Ours against the plain recipe: ", bounds[0], " times as fast [", bounds[1], ", ", bounds[2], "]"]
    doubts = [element("p", {"class": "warning"}, f"Doubtful: {each}.") for each in file.at("warnings").value]
    said = paragraph(*words, f", paired over rounds; {place}. ", cited(speed, file.at("machine")))
    return [said, *doubts, _ways(file), _curves(file), _profiles(file), _equality(file)]


def _ways(file: Place) -> Html:
    rows = [
        [
            way.at("name").text(),
            figure(way.at("images_per_s"), ".1f"),
            *(figure(way.at("step", name), ".1f") for name in ("p50_ms", "p95_ms")),
            joined([figure(way.at("loader_share"), ".1f", 100.0), " %"]),
            figure(way.at("speed_up"), ".2f"),
        ]
        for way in file.at("ways").each()
    ]
    head = columns(("way",), ("images/s", "step p50, ms", "p95", "waiting for data", "speed-up"))
    words = "Ways to train. The speed-up is over the faster of the plain ways, by medians. "
    return table(joined([words, cited(file.at("ways"))]), head, rows)


def _curves(file: Place) -> Html:
    window = int(file.at("smoothing_steps").value)
    series = tuple(_curve(curve, window) for curve in file.at("curves").each())
    gaps = [_gap(file.at(name)) for name in ("ours_against_plain", "plain_against_plain")]
    title = f"Loss, smoothed over {window} steps"
    plot = LinePlot(title, "; ".join(gaps) + ".", "step", "loss", series)
    place = cited(file.at("curves"), file.at("ours_against_plain"), file.at("plain_against_plain"))
    caption = element("figcaption", {}, f"{title}: {'; '.join(gaps)}. ", place)
    return element("figure", {"class": "wide"}, line_plot(plot, 760), caption)


def _gap(gap: Place) -> str:
    largest, mean = number(gap.at("largest"), ".4f"), number(gap.at("mean"), ".4f")
    return f"{gap.at('first').text()} and {gap.at('second').text()} differ by {largest} at most, {mean} on average"


def _curve(curve: Place, window: int) -> Series:
    losses = [int(value) / 1e6 for value in curve.at("loss_millionths").text().split()]
    width = min(window, len(losses))
    means = [sum(losses[end - width : end]) / width for end in range(width, len(losses) + 1)]
    stride = max(1, len(means) // _POINTS)
    points = tuple((float(at + width), means[at]) for at in range(0, len(means), stride))
    return Series(f"{curve.at('name').text()}, seed {curve.at('seed').text()}", points)


def _profiles(file: Place) -> Html:
    rows = [
        [
            profile.at("way").text(),
            f"stage {profile.at('stage').text()}",
            part.at("part").text(),
            figure(part.at("p50_ms"), ".2f"),
            joined([figure(part.at("share"), ".1f", 100.0), " %"]),
        ]
        for profile in file.at("profiles").each()
        for part in profile.at("parts").each()
    ]
    head = columns(("way", "stage", "part"), ("p50, ms", "share of the step"))
    return table(joined(["Where a step's time goes. ", cited(file.at("profiles"))]), head, rows)


def _equality(file: Place) -> Html:
    rows = [
        [
            "inside bf16 autocast" if each.at("inside_bf16_autocast").value else "float32",
            figure(each.at("images"), ".0f"),
            *(figure(each.at(f"worst_{name}_difference"), ".1e") for name in ("value", "gradient")),
        ]
        for each in file.at("ms_ssim").each()
    ]
    head = columns(("where",), ("images", "value, worst difference", "gradient, worst relative difference"))
    return table(joined(["MS-SSIM against pytorch-msssim. ", cited(file.at("ms_ssim"))]), head, rows)
