"""The addresses of a service: probes and metrics always, the page with its pictures unless it is left out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from importlib import resources

import msgspec

from edge_nt.errors import InputError
from edge_nt.service.page_pictures import ERROR_SCALE_LEVELS, PagePictures, PictureKind, error_scale_png
from edge_nt.service.recent import NumberedFrame
from edge_nt.service.region_figures import RegionFigures, parse_rectangle, region_figures
from edge_nt.service.service import Service
from edge_nt.service.snapshot import PageState, ShownFrame
from edge_nt.service.web import Answer, Query, Route, say
from edge_nt.sources.source import as_text

_PAGE_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_PICTURES: tuple[PictureKind, ...] = ("scan", "reconstruction", "error")


def service_routes(service: Service, *, page: bool = True) -> dict[str, Route]:
    """What `service` answers; without `page` nothing that shows a scan, names a file, or takes time."""
    routes: dict[str, Route] = {
        "/live": lambda query, accept: say(HTTPStatus.OK, "alive"),
        "/ready": lambda query, accept: _ready(service),
        "/metrics": lambda query, accept: Answer(HTTPStatus.OK, *service.metrics.exposition(accept)),
    }
    if page:
        pictures = PagePictures(lambda: service.recent.newest)
        routes["/state.json"] = lambda query, accept: _state(service, pictures, query)
        routes |= {f"/{kind}.png": partial(_picture, pictures, kind) for kind in _PICTURES}
        scale = Answer(HTTPStatus.OK, "image/png", error_scale_png(), (("X-Scale-Levels", str(ERROR_SCALE_LEVELS)),))
        routes["/error-scale.png"] = lambda query, accept: scale
        routes |= _page_routes()
    return routes


def _page_routes() -> Mapping[str, Route]:
    folder = resources.files("edge_nt.service") / "page"
    answers = {
        path: Answer(HTTPStatus.OK, content_type, (folder / name).read_bytes())
        for path, (name, content_type) in _PAGE_FILES.items()
    }
    return {path: lambda query, accept, answer=answer: answer for path, answer in answers.items()}  # type: ignore[misc]


def _ready(service: Service) -> Answer:
    reason = service.not_ready()
    return say(HTTPStatus.OK, "ready") if reason is None else say(HTTPStatus.SERVICE_UNAVAILABLE, reason)


def _state(service: Service, pictures: PagePictures, query: Query) -> Answer:
    shown = pictures.shown()
    region, region_error = None, None
    if shown is not None:
        try:
            region = _region(pictures, shown, query.get("region"))
        except InputError as error:
            region_error = str(error)
    state = PageState(
        kind="service-state",
        schema_version=1,
        now=service.snapshot(),
        shown=None if shown is None else _facts(shown),
        region=region,
        region_error=region_error,
        latency=service.recent.latency(),
        last_failure=service.recent.failure,
        trace=service.recent.trace(_number(query.get("after", "")) or 0),
    )
    return Answer(HTTPStatus.OK, "application/json", msgspec.json.encode(state))


def _region(pictures: PagePictures, shown: NumberedFrame, rectangle: str | None) -> RegionFigures:
    if rectangle is None:
        return pictures.display_figures(shown)
    return region_figures(shown.finished.result, parse_rectangle(rectangle))


def _facts(shown: NumberedFrame) -> ShownFrame:
    offer, frame = shown.finished.offer, shown.finished.frame
    height, width = frame.pixels.shape
    return ShownFrame(
        shown.number, as_text(offer.name), offer.taken_at_s, shown.written_at_s, height, width, frame.mm_per_px
    )


def _picture(pictures: PagePictures, kind: PictureKind, query: Query, accept: str) -> Answer:
    number = _number(query["frame"]) if "frame" in query else None
    if number is None and "frame" in query:
        return say(HTTPStatus.BAD_REQUEST, "frame is a number.")
    found = pictures.png(kind, number)
    if found is None:
        return say(HTTPStatus.NOT_FOUND, "No such frame: none has come yet, or it has gone by.")
    number, png = found
    return Answer(HTTPStatus.OK, "image/png", png, (("X-Edge-NT-Frame", str(number)),))


def _number(text: str) -> int | None:
    """The number that a query names; None for anything else, and for more digits than any count has."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None
