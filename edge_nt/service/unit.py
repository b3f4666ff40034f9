"""The systemd unit of a service: when it counts as started, alive and failed, and all that it may not do."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_IXOTH

from edge_nt.errors import InputError
from edge_nt.sources.spec_options import parted

MARK = "# Written by `edge-nt service install`; changes belong into `systemctl edit`."
_STATE_FOLDER = Path("/var/lib")
_HOMES = tuple(map(Path, ("/home", "/root", "/run/user")))
_TEMPORARY = tuple(map(Path, ("/tmp", "/var/tmp")))
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,127}")
_MEMORY = re.compile(r"[1-9][0-9]*[KMGT]?")
_PLAIN = re.compile(r"[A-Za-z0-9_./:=,@+-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Unit:
    """A unit named `name` that runs `command`, whose paths are absolute, writing below each folder of `writes`.

    `user` None lets systemd make a user of its own for the time of running, whose folders have to lie below /var/lib.
    `camera` and `gpu` open the devices of each, `network` lets other machines reach it and be reached. `memory_max` is
    in systemd's notation, such as 2G. `runs_from` is what the program itself is made of: its interpreter, its packages.
    """

    name: str
    command: tuple[str, ...]
    writes: tuple[Path, ...]
    user: str | None = None
    camera: bool = False
    gpu: bool = False
    network: bool = False
    memory_max: str = "2G"
    runs_from: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InputError(
                expected="a name of small letters, digits, - and _", got=repr(self.name), fix="correct --name"
            )
        if not _MEMORY.fullmatch(self.memory_max):
            raise InputError(
                expected="memory as systemd writes it, such as 2G",
                got=repr(self.memory_max),
                fix="correct --memory-max",
            )
        if self.user is not None and not _USER.fullmatch(self.user):
            # systemd takes nothing off a name, quotes neither.
            raise InputError(
                expected="a user of letters, digits, -, _, . and @", got=repr(self.user), fix="correct --user"
            )
        for folder in self.writes if self.user is None else ():
            if _STATE_FOLDER not in folder.parents or ".." in folder.parts:
                raise InputError(
                    expected=f"folders below {_STATE_FOLDER}, where systemd makes them for a user of its own",
                    got=str(folder),
                    fix=f"name {_STATE_FOLDER / self.name}, or who owns that folder as --user",
                )

    def text(self) -> str:
        """The file."""
        sections = (
            ("Unit", (_DESCRIPTION, *_ORDER, *(_ONLINE if self.network else ()))),
            ("Service", (*_START, f"ExecStart={exec_line(self.command)}", *self._who(), *_END, *self._limits())),
            ("Install", ("WantedBy=multi-user.target",)),
        )
        return MARK + "\n" + "".join(f"\n[{name}]\n" + "\n".join(lines) + "\n" for name, lines in sections)

    @property
    def named(self) -> tuple[Path, ...]:
        """Every path that the command names."""
        pairs = zip((None, *self.command), self.command, strict=False)
        words = [parted(word)[1] if last == "--source" else word for last, word in pairs]
        return tuple(Path(word) for word in words if word.startswith("/"))

    def refuse_hidden(self) -> None:
        """Raises: InputError for what the command needs of this machine and a user made by systemd cannot get to."""
        for path in (*self.named, *self.runs_from) if self.user is None else ():
            there = path.resolve()
            folders = (each for each in (*reversed(there.parents), there) if each.is_dir())
            closed = next((each for each in folders if not each.stat().st_mode & S_IXOTH), None)
            if path not in self.writes and (closed or _any_below([there], _TEMPORARY)):
                raise InputError(
                    expected="paths that the user made by systemd may enter, none of them in a temporary folder",
                    got=f"{path}{f', where {closed} is closed to others' if closed else ''}",
                    fix="move it to /opt or /srv, or name who may read it as --user",
                )

    def next_commands(self) -> tuple[str, ...]:
        """What the person who installed it does next."""
        # Restarted, since a unit that runs already goes on with its old options.
        commands = ("enable", "restart", "status")
        start = ("systemctl daemon-reload", *(f"systemctl {command} {self.name}" for command in commands))
        if self.user is None:
            return start
        folders = " ".join(shlex.quote(str(folder)) for folder in self.writes)
        return (f"install -d -o {shlex.quote(self.user)} {folders}", *start)

    def _who(self) -> tuple[str, ...]:
        cache = (f"CacheDirectory={self.name}", f"Environment=EDGE_NT_CACHE=%C/{self.name}")
        if self.user is not None:
            return (f"User={self.user}", f"ReadWritePaths={_list(self.writes)}", *cache)
        folders = [folder.relative_to(_STATE_FOLDER) for folder in self.writes]
        return ("DynamicUser=yes", f"StateDirectory={_list(folders)}", *cache)

    def _limits(self) -> tuple[str, ...]:
        # A link leads systemd's restrictions to where it points.
        needed = [*self.named, *self.runs_from, *self.writes]
        named = [*needed, *(path.resolve() for path in needed)]
        home = "read-only" if _any_below(named, _HOMES) else "yes"
        # Files in /tmp that the command names could not be seen from a private one.
        private_tmp = "no" if _any_below(named, _TEMPORARY) and self.user is not None else "yes"
        reach = () if self.network else ("IPAddressDeny=any", "IPAddressAllow=localhost")
        memory = (f"MemoryMax={self.memory_max}", *_MEMORY_TAKEN_FIRST)
        return (*memory, f"ProtectHome={home}", f"PrivateTmp={private_tmp}", *_HARDENING, *reach, *self._devices())

    def _devices(self) -> tuple[str, ...]:
        if self.gpu:
            # A Jetson's GPU is a dozen nodes that differ by release; ProtectClock would close every device not named.
            # Without that folder, what CUDA compiles would go to a home that may not be written to.
            return ("SupplementaryGroups=video render", f"Environment=CUDA_CACHE_PATH=%C/{self.name}/cuda")
        if self.camera:
            allow = ("DevicePolicy=closed", "DeviceAllow=char-video4linux rw", "SupplementaryGroups=video")
            return (*allow, "ProtectClock=yes")
        return ("PrivateDevices=yes", "ProtectClock=yes")


_DESCRIPTION = "Description=edge-nt: ultrasound frames reconstructed and watched (research use only)"
_ORDER = (
    "Documentation=man:systemd.service(5)",
    "# A folder or results on another machine are there before it starts; without them it would be a wrong option.",
    "After=network.target remote-fs.target",
    "# A grabber may be unplugged for days: it is tried again for ever, every RestartSec.",
    "StartLimitIntervalSec=0",
)
_ONLINE = (
    "# The address that it listens on may come with the network.",
    "Wants=network-online.target",
    "After=network-online.target",
)
_START = (
    "Type=notify",
    "NotifyAccess=main",
    "# Loading and warming up; the first start of a bundle also measures backends.",
    "TimeoutStartSec=300",
    "# Only frames that never come back let this expire, not a silent source.",
    "WatchdogSec=30",
)
_END = (
    "Restart=on-failure",
    "RestartSec=5",
    "# A refused bundle (1) or a wrong option (2) is not mended by starting again.",
    "RestartPreventExitStatus=1 2",
    "TimeoutStopSec=10",
    "UMask=0077",
    "# The memory of a process that hangs holds patients' frames, and is left on no disk.",
    "LimitCORE=0",
)
_MEMORY_TAKEN_FIRST = (
    "# Where memory runs out, the cart's own software goes on.",
    "OOMScoreAdjust=500",
    "TasksMax=256",
)
# No MemoryDenyWriteExecute: engines that compile kernels (OpenVINO, TensorRT) need such memory. No ProcSubset=pid: the
# machine's memory stands in /proc/meminfo.
_HARDENING = (
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectProc=invisible",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
    "LockPersonality=yes",
    "RemoveIPC=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged",
    "SystemCallErrorNumber=EPERM",
)


def exec_line(command: Sequence[str]) -> str:
    """A command as systemd reads it back word for word: quotes, specifiers (%) and variables ($) taken care of."""
    # The program itself is never looked up among variables, so its $ stays single.
    return " ".join([quoted(command[0]), *(quoted(word).replace("$", "$$") for word in command[1:])])


def quoted(word: str) -> str:
    """One word of a unit file. Raises: InputError for bytes that are no text."""
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            expected="names that are text", got=repr(word), fix="rename that file: a unit holds UTF-8"
        ) from error
    if _PLAIN.fullmatch(word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return '"' + _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", escaped) + '"'


def _list(paths: Sequence[Path]) -> str:
    return " ".join(quoted(str(path)) for path in paths)


def _any_below(paths: Sequence[Path], folders: Sequence[Path]) -> bool:
    return any(folder in (path, *path.parents) for path in paths for folder in folders)
