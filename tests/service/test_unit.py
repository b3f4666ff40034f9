import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_nt.errors import InputError
from edge_nt.service.unit import MARK, Unit, exec_line

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
_OUT = (Path("/var/lib/edge-nt/results"),)
_HOSTILE = (
    "/bin/true",
    "o p",
    "it's",
    'a "q"',
    "50 %n",
    "$HOME ${X}",
    "back\\x41 \\",
    ";",
    "—ü",
    "a\nb\tc",
    "",
    "'",
    "#x",
)


def _unit(**changes) -> Unit:
    return Unit(**{"name": "edge-nt", "command": ("/bin/true", "serve"), "writes": _OUT, **changes})


def _as_systemd_reads(folder: Path, unit: Unit) -> list[str]:
    """The words of ExecStart by systemd's own parser, whose debug output has them quoted like a shell's."""
    path = folder / f"{unit.name}.service"
    path.write_text(unit.text(), encoding="utf-8")
    run = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)],
        capture_output=True,
        env={"SYSTEMD_LOG_LEVEL": "debug", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        check=True,
    )
    text = (run.stdout + run.stderr).decode()
    line = re.search(r"ExecStart.*?Command Line: (.*)", text, re.DOTALL)
    assert line is not None
    return [_unescaped(word) for word in shlex.split(line[1].splitlines()[0])]


def _unescaped(word: str) -> str:
    # shlex leaves C's escapes and that of $, which a shell would take.
    return word.replace("\\n", "\n").replace("\\t", "\t").replace("\\$", "$")


def test_only_the_source_has_a_kind_and_settings() -> None:
    source = "watch:/srv/inbox?settle=2"
    unit = _unit(command=("/bin/true", "serve", "/srv/b?1", "--source", source, "--out", "/var/lib/e:/?x"))
    assert [str(path) for path in unit.named] == ["/bin/true", "/srv/b?1", "/srv/inbox", "/var/lib/e:/?x"]
    plain = _unit(command=("/bin/true", "serve", "--source", "/srv/what?x/in.png"))
    assert [str(path) for path in plain.named] == ["/bin/true", "/srv/what?x/in.png"]


@needs_systemd
def test_systemd_reads_every_word_as_it_was_given(tmp_path: Path) -> None:
    words = _as_systemd_reads(tmp_path, _unit(command=_HOSTILE))
    # $$ becomes $, and $ a variable, when the program is started, which is after this.
    assert words == [word.replace("$", "$$") for word in _HOSTILE]


@needs_systemd
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"camera": True},
        {"gpu": True},
        {"network": True},
        {"user": "daemon", "writes": (Path("/srv/o ut"), Path("/srv/in"))},
    ],
)
def test_systemd_finds_nothing_to_complain_of(changes: dict, tmp_path: Path) -> None:
    path = tmp_path / "edge-nt.service"
    path.write_text(_unit(**changes).text(), encoding="utf-8")
    verify = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False)
    assert (verify.returncode, verify.stderr) == (0, "")


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12), max_size=4))
@example(["$HOME"])
@example(["$$", "%%", '"', "\\", "\x7f", "; ;"])
@settings(max_examples=60)
def test_a_line_stays_a_line_and_expands_nothing(words: list[str]) -> None:
    line = exec_line(("/bin/true", *words))
    assert "\n" not in line
    assert "%" not in line.replace("%%", "")
    assert "$" not in line.replace("$$", "")


def test_results_need_a_folder_that_the_user_may_write() -> None:
    with pytest.raises(InputError, match="--user"):
        _unit(writes=(*_OUT, Path("/srv/results")))
    with pytest.raises(InputError, match="--user"):
        _unit(writes=(Path("/var/lib/../../etc/x"),))
    text = _unit(writes=(Path("/srv/results"), Path("/srv/in")), user="cart").text()
    assert "User=cart\nReadWritePaths=/srv/results /srv/in\n" in text
    assert "DynamicUser" not in text
    assert "StateDirectory=edge-nt/results\n" in _unit().text()


def test_drives_of_other_machines_are_there_before_it_starts() -> None:
    # A missing folder is exit code 2, after which nobody starts it again.
    assert re.search("^After=.*remote-fs.target", _unit().text(), re.MULTILINE)


def test_no_memory_with_patients_frames_is_left_on_a_disk() -> None:
    assert "\nLimitCORE=0\n" in _unit().text()


def test_a_unit_reaches_no_further_than_it_must() -> None:
    plain, camera, gpu, network = (
        _unit(**changes).text() for changes in ({}, {"camera": True}, {"gpu": True}, {"network": True})
    )
    assert "PrivateDevices=yes" in plain
    assert "IPAddressDeny=any" in plain
    assert "DeviceAllow=char-video4linux rw" in camera
    assert "PrivateDevices" not in camera
    # ProtectClock and DeviceAllow would close every device that is not named.
    assert not re.search("PrivateDevices|ProtectClock|DeviceAllow", gpu)
    assert "CUDA_CACHE_PATH=%C/edge-nt/cuda" in gpu
    assert "IPAddressDeny" not in network


@pytest.mark.parametrize("path", ["/home/x/bundle", "/root/bundle", "/run/user/1/bundle", "watch:/home/x/in?settle=1"])
def test_a_bundle_in_somebodys_home_can_be_read(path: str) -> None:
    option = ("--source",) if ":" in path else ()
    assert "ProtectHome=read-only" in _unit(command=("/bin/true", "serve", *option, path)).text()
    assert "ProtectHome=yes" in _unit().text()


def test_what_the_program_is_made_of_can_be_read_too(tmp_path: Path) -> None:
    # A virtual environment in /opt whose interpreter, or packages, lie in somebody's home.
    assert "ProtectHome=read-only" in _unit(runs_from=(Path("/home/x/.local/bin/python"),)).text()
    (tmp_path / "bundle").symlink_to("/home/x/bundle")
    linked = ("/bin/true", "serve", str(tmp_path / "bundle"))
    assert "ProtectHome=read-only" in _unit(command=linked, user="cart").text()
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(InputError, match="closed to others"):
        _unit(runs_from=(closed / "python",)).refuse_hidden()


def test_an_account_of_a_domain_may_run_it() -> None:
    assert "\nUser=cart@hospital.local\n" in _unit(user="cart@hospital.local").text()


def test_an_address_that_others_reach_is_waited_for() -> None:
    assert "network-online" not in _unit().text()
    assert "Wants=network-online.target\nAfter=network-online.target\n" in _unit(network=True).text()


def test_a_unit_that_runs_already_takes_its_new_options() -> None:
    commands = _unit().next_commands()
    assert [command.split()[1] for command in commands] == ["daemon-reload", "enable", "restart", "status"]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../x"},
        {"name": "a b"},
        {"memory_max": "2 G\nUser=root"},
        {"user": "DOM\\cart"},
        {"user": "a b"},
        {"user": ""},
    ],
)
def test_nothing_but_a_name_and_a_size_gets_into_the_unit(changes: dict) -> None:
    with pytest.raises(InputError):
        _unit(**changes)


def test_names_that_are_no_text_are_refused() -> None:
    with pytest.raises(InputError, match="UTF-8"):
        _unit(command=("/bin/true", "\udcff")).text()


def test_the_unit_says_who_wrote_it() -> None:
    assert _unit().text().startswith(MARK + "\n\n[Unit]\n")
