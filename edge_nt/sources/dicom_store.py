"""The server side of DICOM C-STORE and C-ECHO; each object is a whole file in a folder before success is answered.

Imported only when a receiver is asked for: it needs pynetdicom. DICOM PS3.4 Annex B (storage), PS3.7 (statuses).
"""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path
from socketserver import BaseServer
from threading import Lock, Thread
from typing import Any

import pydicom
from pydicom import uid
from pynetdicom import AE, evt
from pynetdicom.dsutils import encode_file_meta
from pynetdicom.transport import ThreadedAssociationServer

from edge_nt.atomic import TEMPORARY_PREFIX, atomic_file
from edge_nt.errors import EdgeNtError, InputError
from edge_nt.imaging.dicom import open_dicom
from edge_nt.imaging.dicom_pixels import decodable_syntaxes
from edge_nt.sources.dicom_receiver import StoreSettings

_log = logging.getLogger(__name__)
SUCCESS, OUT_OF_RESOURCES, OTHER_OBJECT, NOT_UNDERSTOOD = 0x0000, 0xA700, 0xA900, 0xC000
# The two without names were retired in 1993, and are still sent by scanners of that age.
_CLASSES = (
    uid.UltrasoundImageStorage,
    uid.UltrasoundMultiFrameImageStorage,
    uid.UID("1.2.840.10008.5.1.4.1.1.6"),
    uid.UID("1.2.840.10008.5.1.4.1.1.3"),
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
)
_VERIFICATION = "1.2.840.10008.1.1"
# The UID becomes a file name: digits and single dots between them. Leading zeros are wrong, common and harmless.
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_UID_LENGTH = 64
# What is negotiated is 16 kB; requests for an association are a little longer. Its header may claim 4 GB.
_PDU_BYTES = 1 << 20
_LOOK_EVERY_S = 0.1


class _Refused(Exception):  # noqa: N818 - it is no error, but an answer
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class DicomStore:
    """Listens between `start` and `stop`, and writes ``<SOP instance UID>.dcm`` files into a folder.

    An object that is there already is answered with success and not written again. `received`, `duplicates` and
    `refused` count objects.
    """

    def __init__(self, inbox: Path, settings: StoreSettings) -> None:
        self._inbox = inbox
        self._settings = settings
        self._storing = Lock()
        # Bytes of the message that an association is sending, by its thread.
        self._under_way: dict[Any, int] = {}
        self._server: Any = None
        self.received = self.duplicates = self.refused = 0

    @property
    def port(self) -> int:
        """The port that is listened on; with 0 in the settings the system chose it."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to listen. Raises: InputError for an address that cannot be used."""
        try:
            self._server = _entity(self._settings).make_server(
                (self._settings.host, self._settings.port),
                evt_handlers=[
                    (evt.EVT_CONN_OPEN, self._bound_pdus),
                    (evt.EVT_CONN_CLOSE, self._forget),
                    (evt.EVT_PDU_RECV, self._count_bytes),
                    (evt.EVT_C_ECHO, self._echo),
                    (evt.EVT_C_STORE, self._store),
                ],
                server_class=_server_for(self._settings),
            )
        except OSError as error:
            raise InputError(
                expected="a free address for the DICOM receiver",
                got=f"{self._settings.host}:{self._settings.port}: {error}",
                fix="choose another port or host; ports below 1024 need the right to them",
            ) from error
        # The address is ours, so nobody else is writing here: what is half-written was left by a kill.
        for partial in self._inbox.glob(f"{TEMPORARY_PREFIX}*.dcm"):
            partial.unlink(missing_ok=True)
        serve = self._server.serve_forever
        Thread(target=serve, args=(_LOOK_EVERY_S,), name="DICOM receiver", daemon=True).start()

    def stop(self) -> None:
        """Abort what is being sent, which is then not there, and listen no more."""
        for association in self._server.active_associations:
            association.abort(block=False)
        self._server.shutdown()

    def _store(self, event: Any) -> int:
        try:
            # One after the other: two associations may bring the same object, and the disk is one as well.
            with self._storing:
                self._write(event)
            return SUCCESS
        except _Refused as refusal:
            status, why = refusal.status, str(refusal)
        except OSError as error:
            status, why = OUT_OF_RESOURCES, str(error)
        finally:
            self._under_way.pop(event.assoc, None)
        self.refused += 1
        _log.warning("an object of %s was refused with 0x%04X: %s", event.assoc.requestor.ae_title, status, why)
        return status

    def _write(self, event: Any) -> None:
        instance = str(event.request.AffectedSOPInstanceUID)
        if len(instance) > _UID_LENGTH or not _UID.fullmatch(instance):
            raise _Refused(NOT_UNDERSTOOD, f"SOP instance UID {instance[:80]!r}")
        path = self._inbox / f"{instance}.dcm"
        if path.exists():
            self.duplicates += 1
            return
        content = event.request.DataSet.getbuffer()
        if shutil.disk_usage(self._inbox).free < self._settings.min_free_bytes + len(content):
            raise _Refused(OUT_OF_RESOURCES, "the disk is full up to what is to stay free")
        with atomic_file(path) as temporary:
            with temporary.open("wb") as file:
                file.write(b"\0" * 128 + b"DICM" + encode_file_meta(event.file_meta))
                file.write(content)
            _refuse_unread(temporary, event.request)
        self.received += 1

    def _echo(self, event: Any) -> int:
        self._under_way.pop(event.assoc, None)
        return SUCCESS

    def _count_bytes(self, event: Any) -> None:
        """Whoever sends more than an object may have, or the next one before this one is answered, is cut off."""
        sent = self._under_way.get(event.assoc, 0) + len(event.pdu)
        self._under_way[event.assoc] = sent
        if sent > self._settings.max_object_bytes:
            self.refused += 1
            _log.warning("%s was cut off after %d bytes of one object", event.assoc.requestor.ae_title, sent)
            event.assoc.abort(block=False)

    def _forget(self, event: Any) -> None:
        self._under_way.pop(event.assoc, None)

    def _bound_pdus(self, event: Any) -> None:
        # pynetdicom reads as many bytes as a PDU's header claims, up to 4 GB, before it looks at them.
        socket = event.assoc.dul.socket
        receive = socket.recv

        def bounded(count: int) -> Any:
            if count > _PDU_BYTES:
                raise OSError(f"a PDU of {count} bytes")
            return receive(count)

        socket.recv = bounded


def _entity(settings: StoreSettings) -> Any:
    entity = AE(ae_title=settings.ae_title)
    for storage in _CLASSES:
        entity.add_supported_context(storage, list(decodable_syntaxes()))
    entity.add_supported_context(_VERIFICATION)
    entity.require_called_aet = True
    entity.require_calling_aet = list(settings.callers)
    entity.maximum_associations = settings.max_associations
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = settings.timeout_s
    return entity


def _server_for(settings: StoreSettings) -> Any:
    class Server(ThreadedAssociationServer):
        def verify_request(self, request: Any, client_address: Any) -> bool:
            """Turn strangers away, and connections that only keep a thread, before anything of them is read."""
            known = not settings.peers or client_address[0] in settings.peers
            return known and len(self.active_associations) < 2 * settings.max_associations

        def shutdown(self) -> None:
            """Without pynetdicom's list of servers, which this one is not in."""
            BaseServer.shutdown(self)
            self.server_close()

    return Server


def _refuse_unread(path: Path, request: Any) -> None:
    """Refuse what no frame could be read of, or what is not the object that it was announced as."""
    try:
        open_dicom(path, "the object")
        said = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID", "SOPInstanceUID"])
    except EdgeNtError as error:
        raise _Refused(NOT_UNDERSTOOD, error.got) from error
    announced = (request.AffectedSOPClassUID, request.AffectedSOPInstanceUID)
    if (said.get("SOPClassUID"), said.get("SOPInstanceUID")) != announced:
        raise _Refused(OTHER_OBJECT, "an object of another UID than announced")
