"""One line of text to a source: ``camera:/dev/video0?fps=30``, ``watch:/srv/inbox``, or simply a path."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge_nt.imaging.decode import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from edge_nt.sources.source import FilePlace, Guard, Source, unguarded
from edge_nt.sources.spec_options import Options, box, megabytes, names, parted, refused, unless, whole

if TYPE_CHECKING:
    from edge_nt.sources.camera_device import CameraSettings
    from edge_nt.sources.dicom_receiver import StoreSettings
    from edge_nt.sources.replay import ReplaySettings
    from edge_nt.sources.watched_folder import WatchSettings

Done = Callable[[FilePlace], bool]


def open_source(spec: str, done: Done = lambda place: False, guard: Guard = unguarded) -> Source:
    """The source that `spec` describes; one of `spec_options.KNOWN`. Nothing is opened before its `offers`.

    `done` says which frames of files an earlier process has finished; a watched folder, a receiver and plain files
    pass them over, and enter `guard` for each frame that is read from its file. Raises: InputError for anything else;
    MissingDependencyError for a receiver without pynetdicom.
    """
    kind, place, query = parted(spec)
    readers: dict[str, Callable[[str, Options], Source]] = {
        "camera": _camera,
        "replay": _replay,
        "watch": partial(_watch, done=done, guard=guard),
        "dicom": partial(_dicom, done=done, guard=guard),
    }
    if not kind:
        return _files(spec, done, guard)
    options = Options(spec, query)
    source = readers[kind](place, options)
    options.refuse_rest()
    return source


def check_spec(spec: str) -> None:
    """Raises: InputError for what `open_source` refuses on any machine, whatever there is at the place."""
    kind, place, query = parted(spec)
    if not kind:
        return
    options = Options(spec, query)
    if kind == "camera":
        _camera_settings(place, options)
    else:
        {"replay": _replay_settings, "watch": _watch_settings, "dicom": _dicom_settings}[kind](options)
        options.crop()
    options.refuse_rest()


def _camera(place: str, options: Options) -> Source:
    from edge_nt.sources.camera import CameraSource

    return CameraSource(_camera_settings(place, options))


def _camera_settings(place: str, options: Options) -> CameraSettings:
    from edge_nt.sources.camera_device import CameraSettings

    return CameraSettings(
        device=str(_path(place)),
        width_px=options.take("width", whole, None),
        height_px=options.take("height", whole, None),
        fps=options.take("fps", float, None),
        fourcc=options.take("fourcc", str, None),
        crop=options.take("crop", box, None),
        mm_per_px=options.take("mm_per_px", float, None),
        reconnect_s=options.take("reconnect", unless("never", float), CameraSettings.reconnect_s),
    )


def _replay(place: str, options: Options) -> Source:
    from edge_nt.sources.files import FileSource
    from edge_nt.sources.replay import ReplaySource

    settings = _replay_settings(options)
    return ReplaySource(FileSource(_existing(place), options.crop()), settings, f"replay {place}")


def _replay_settings(options: Options) -> ReplaySettings:
    from edge_nt.sources.replay import ReplaySettings

    once: int | None = 1
    return ReplaySettings(
        fps=options.take("fps", float, None),
        speed=options.take("speed", float, 1.0),
        rounds=options.take("rounds", unless("forever", whole), once),
        duration_s=options.take("duration", float, None),
        memory_bytes=options.take("memory_mb", megabytes, None),
    )


def _watch(place: str, options: Options, done: Done, guard: Guard) -> Source:
    from edge_nt.sources.watched_folder import WatchedFolder

    settings = _watch_settings(options)
    return WatchedFolder(_path(place), done, settings, options.crop(), guard)


def _watch_settings(options: Options) -> WatchSettings:
    from edge_nt.sources.watched_folder import WatchSettings

    return WatchSettings(
        settle_s=options.take("settle", float, WatchSettings.settle_s),
        give_up_s=options.take("give_up", float, WatchSettings.give_up_s),
        poll_s=options.take("poll", float, None),
        scan_s=options.take("scan", float, WatchSettings.scan_s),
    )


def _dicom(place: str, options: Options, done: Done, guard: Guard) -> Source:
    from edge_nt.sources.dicom_receiver import DicomReceiver

    settings, crop = _dicom_settings(options), options.crop()
    # Before a folder is made for it.
    options.refuse_rest()
    return DicomReceiver(_path(place), done, settings, crop, guard)


def _dicom_settings(options: Options) -> StoreSettings:
    from edge_nt.sources.dicom_receiver import StoreSettings

    absent = StoreSettings()
    return StoreSettings(
        host=options.take("host", str, absent.host),
        port=options.take("port", whole, absent.port),
        ae_title=options.take("ae", str, absent.ae_title),
        callers=options.take("callers", names, ()),
        peers=options.take("peers", names, ()),
        max_object_bytes=options.take("max_mb", megabytes, absent.max_object_bytes),
        max_associations=options.take("associations", whole, absent.max_associations),
        min_free_bytes=options.take("free_mb", megabytes, absent.min_free_bytes),
        timeout_s=options.take("timeout", float, absent.timeout_s),
    )


def _files(spec: str, done: Done, guard: Guard) -> Source:
    from edge_nt.sources.files import FileSource

    if not spec or not _path(spec).exists():
        raise refused(spec, "neither one of these nor a file or folder that there is")
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
        raise refused(place[:200], str(getattr(error, "strerror", None) or error)) from error
    return Path(place)
