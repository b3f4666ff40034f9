"""One line of text to a source: ``camera:/dev/video0?fps=30``, ``watch:/srv/inbox``, or simply a path."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args
from urllib.parse import parse_qsl

from edge_nt.errors import InputError
from edge_nt.imaging.crop import Crop
from edge_nt.imaging.decode import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from edge_nt.imaging.frame import PixelBox
from edge_nt.sources.source import FilePlace, Guard, Source, unguarded

if TYPE_CHECKING:
    from edge_nt.sources.camera_device import CameraSettings
    from edge_nt.sources.dicom_receiver import StoreSettings
    from edge_nt.sources.replay import ReplaySettings
    from edge_nt.sources.watched_folder import WatchSettings

Value = TypeVar("Value")
Done = Callable[[FilePlace], bool]
# Numbers beyond this are a slip, and would not fit where they are used.
_LARGEST = 1 << 31

KNOWN = (
    "camera:DEVICE?width=&height=&fps=&fourcc=&crop=LEFT,TOP,WIDTH,HEIGHT&mm_per_px=&reconnect=SECONDS or never",
    "replay:FILE_OR_FOLDER?fps=&speed=&rounds=N or forever&duration=SECONDS&memory_mb=&crop=region",
    "watch:FOLDER?settle=SECONDS&give_up=SECONDS&poll=SECONDS&scan=SECONDS&crop=region",
    "dicom:INBOX?port=&host=&ae=&callers=A,B&peers=IP,IP&max_mb=&associations=&free_mb=&timeout=SECONDS&crop=region",
    "FILE_OR_FOLDER, every frame of it once",
)


def open_source(spec: str, done: Done = lambda place: False, guard: Guard = unguarded) -> Source:
    """The source that `spec` describes; one of `KNOWN`. Nothing is opened before its `offers`.

    `done` says which frames of files an earlier process has finished; a watched folder, a receiver and plain files
    pass them over, and enter `guard` for each frame that is read from its file. Raises: InputError for anything else;
    MissingDependencyError for a receiver without pynetdicom.
    """
    kind, place, query = _parted(spec)
    readers: dict[str, Callable[[str, _Options], Source]] = {
        "camera": _camera,
        "replay": _replay,
        "watch": partial(_watch, done=done, guard=guard),
        "dicom": partial(_dicom, done=done, guard=guard),
    }
    if not kind:
        return _files(spec, done, guard)
    options = _Options(spec, query)
    source = readers[kind](place, options)
    options.refuse_rest()
    return source


def check_spec(spec: str) -> None:
    """Raises: InputError for what `open_source` refuses on any machine, whatever there is at the place."""
    kind, place, query = _parted(spec)
    if not kind:
        return
    options = _Options(spec, query)
    if kind == "camera":
        _camera_settings(place, options)
    else:
        {"replay": _replay_settings, "watch": _watch_settings, "dicom": _dicom_settings}[kind](options)
        options.crop()
    options.refuse_rest()


def _parted(spec: str) -> tuple[str, str, str]:
    """Kind, place and settings; no kind for plain files. Raises: InputError for a kind without a place."""
    kind, colon, rest = spec.partition(":")
    if not colon or kind not in {known.partition(":")[0] for known in KNOWN if ":" in known}:
        return "", spec, ""
    place, _, query = rest.partition("?")
    if not place:
        raise _refused(spec, "nothing after the colon")
    return kind, place, query


class _Options:
    """The settings after the question mark, each of which has to be taken."""

    def __init__(self, spec: str, query: str) -> None:
        self._spec = spec
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict")
        except ValueError as error:
            raise _refused(spec, str(error)) from error
        self._left = dict(pairs)
        if len(self._left) < len(pairs):
            raise _refused(spec, "a setting that is given twice")

    def take(self, name: str, read: Callable[[str], Value], absent: Value) -> Value:
        """The value of a setting, or `absent`. Raises: InputError for one that `read` does not understand."""
        if name not in self._left:
            return absent
        text = self._left.pop(name)
        try:
            return read(text)
        except (ValueError, OverflowError) as error:
            raise _refused(self._spec, f"{name}={text}") from error

    def refuse_rest(self) -> None:
        """Raises: InputError when a setting is left over."""
        if self._left:
            raise _refused(self._spec, f"a setting {next(iter(self._left))!r} that it does not have")

    def crop(self) -> Crop:
        """The part of a file's frames."""
        text = self.take("crop", str, "frame")
        for crop in get_args(Crop):
            if text == crop:
                return crop  # type: ignore[no-any-return]
        raise _refused(self._spec, f"crop={text}")


def _camera(place: str, options: _Options) -> Source:
    from edge_nt.sources.camera import CameraSource

    return CameraSource(_camera_settings(place, options))


def _camera_settings(place: str, options: _Options) -> CameraSettings:
    from edge_nt.sources.camera_device import CameraSettings

    return CameraSettings(
        device=str(_path(place)),
        width_px=options.take("width", _whole, None),
        height_px=options.take("height", _whole, None),
        fps=options.take("fps", float, None),
        fourcc=options.take("fourcc", str, None),
        crop=options.take("crop", _box, None),
        mm_per_px=options.take("mm_per_px", float, None),
        reconnect_s=options.take("reconnect", _unless("never", float), CameraSettings.reconnect_s),
    )


def _replay(place: str, options: _Options) -> Source:
    from edge_nt.sources.files import FileSource
    from edge_nt.sources.replay import ReplaySource

    settings = _replay_settings(options)
    return ReplaySource(FileSource(_existing(place), options.crop()), settings, f"replay {place}")


def _replay_settings(options: _Options) -> ReplaySettings:
    from edge_nt.sources.replay import ReplaySettings

    once: int | None = 1
    return ReplaySettings(
        fps=options.take("fps", float, None),
        speed=options.take("speed", float, 1.0),
        rounds=options.take("rounds", _unless("forever", _whole), once),
        duration_s=options.take("duration", float, None),
        memory_bytes=options.take("memory_mb", _megabytes, None),
    )


def _watch(place: str, options: _Options, done: Done, guard: Guard) -> Source:
    from edge_nt.sources.watched_folder import WatchedFolder

    settings = _watch_settings(options)
    return WatchedFolder(_path(place), done, settings, options.crop(), guard)


def _watch_settings(options: _Options) -> WatchSettings:
    from edge_nt.sources.watched_folder import WatchSettings

    return WatchSettings(
        settle_s=options.take("settle", float, WatchSettings.settle_s),
        give_up_s=options.take("give_up", float, WatchSettings.give_up_s),
        poll_s=options.take("poll", float, None),
        scan_s=options.take("scan", float, WatchSettings.scan_s),
    )


def _dicom(place: str, options: _Options, done: Done, guard: Guard) -> Source:
    from edge_nt.sources.dicom_receiver import DicomReceiver

    settings, crop = _dicom_settings(options), options.crop()
    # Before a folder is made for it.
    options.refuse_rest()
    return DicomReceiver(_path(place), done, settings, crop, guard)


def _dicom_settings(options: _Options) -> StoreSettings:
    from edge_nt.sources.dicom_receiver import StoreSettings

    absent = StoreSettings()
    return StoreSettings(
        host=options.take("host", str, absent.host),
        port=options.take("port", _whole, absent.port),
        ae_title=options.take("ae", str, absent.ae_title),
        callers=options.take("callers", _names, ()),
        peers=options.take("peers", _names, ()),
        max_object_bytes=options.take("max_mb", _megabytes, absent.max_object_bytes),
        max_associations=options.take("associations", _whole, absent.max_associations),
        min_free_bytes=options.take("free_mb", _megabytes, absent.min_free_bytes),
        timeout_s=options.take("timeout", float, absent.timeout_s),
    )


def _files(spec: str, done: Done, guard: Guard) -> Source:
    from edge_nt.sources.files import FileSource

    if not spec or not _path(spec).exists():
        raise _refused(spec, "neither one of these nor a file or folder that there is")
    return FileSource(_existing(spec), done=done, guard=guard)


def _existing(place: str) -> tuple[Path, ...]:
    from edge_nt.sources.image_files import image_files

    return image_files([_path(place)], suffixes=IMAGE_SUFFIXES | VIDEO_SUFFIXES)


def _path(place: str) -> Path:
    try:
        os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        pass  # Whoever needs it says so.
    except (OSError, ValueError) as error:
        raise _refused(place[:200], str(getattr(error, "strerror", None) or error)) from error
    return Path(place)


def _whole(text: str) -> int:
    number = int(text)
    if abs(number) > _LARGEST:
        raise ValueError(text)
    return number


def _megabytes(text: str) -> int:
    return _whole(text) * 1_000_000


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _box(text: str) -> PixelBox:
    left, top, width, height = (_whole(number) for number in text.split(","))
    return PixelBox(top, left, top + height, left + width)


def _unless(word: str, read: Callable[[str], Value]) -> Callable[[str], Value | None]:
    """Reads a value, or None for the word."""
    return lambda text: None if text == word else read(text)


def _refused(spec: str, got: str) -> InputError:
    return InputError(expected="a source: " + "; ".join(KNOWN), got=f"{spec!r}: {got}", fix="write it as one of these")
