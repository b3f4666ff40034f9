"""The UIDs of one output: new ones, and with de-identification a stand-in for every UID of a source."""

from __future__ import annotations

import hmac
import secrets
from uuid import UUID


class Identity:
    """Gives UIDs that depend on a key made for this output and kept nowhere: the same for the same parts while the
    output is written, and nothing that anybody can go back from, or join with another output.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def uid(self, *parts: str) -> str:
        """The UID of what `parts` name: ``2.25.`` and a UUID as a number (PS3.5 B.2)."""
        # Lengths stand before the parts, so that no two lists of parts give one message.
        message = b"".join(
            b"%d:%s" % (len(each), each) for each in (part.encode("utf-8", "surrogateescape") for part in parts)
        )
        digest = hmac.digest(self._key, message, "sha256")
        return f"2.25.{UUID(bytes=digest[:16], version=4).int}"
