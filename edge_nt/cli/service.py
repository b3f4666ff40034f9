"""`edge-nt service`: `edge-nt serve` as a unit of systemd."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_nt.cli.serve import serve
from edge_nt.errors import InputError, MissingDependencyError

if TYPE_CHECKING:
    from edge_nt.service.http_server import Address

app = typer.Typer(help="Run `edge-nt serve` under systemd.", no_args_is_help=True)


@app.callback()
def _service() -> None:
    # Keeps `install` a subcommand while it is the only one.
    pass


@app.command("install", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def install(
    context: typer.Context,
    *,
    print_only: Annotated[bool, typer.Option("--print", help="Print the unit instead of writing it.")] = False,
    name: Annotated[str, typer.Option(help="Name of the unit; one for each source.")] = "edge-nt",
    user: Annotated[
        str | None, typer.Option(help="Who runs it and owns --out; by default a user of its own, made by systemd.")
    ] = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="Let it use the GPU.")] = False,
    memory_max: Annotated[str, typer.Option(help="Memory at which the kernel ends it, to be started anew.")] = "2G",
    folder: Annotated[Path, typer.Option(help="Folder of units.")] = Path("/etc/systemd/system"),
    program: Annotated[Path | None, typer.Option(help="The edge-nt to run; by default the one of this Python.")] = None,
) -> None:
    """Write the unit that runs `edge-nt serve` with the arguments and options that follow; enable and start nothing."""
    from edge_nt.service.http_server import parse_address
    from edge_nt.service.unit import Unit
    from edge_nt.service.unit_file import write_unit

    command, given = _serve_parameters(context.args)
    address = parse_address(given["listen"], expose=given["expose"])
    _refuse_settings(given, address)
    if not print_only:
        _refuse_early(given, program)
    given["source"], kind, place = _absolute_source(given["source"])
    unit = Unit(
        name,
        (str((program or _program()).absolute()), "serve", *_words(command, given)),
        (given["out"].absolute(), *([place] if kind == "dicom" else [])),
        user,
        camera=kind == "camera",
        gpu=gpu,
        network=kind == "dicom" or not address.loopback,
        memory_max=memory_max,
        runs_from=_parts(program),
    )
    if print_only:
        print(unit.text(), end="")
        return
    unit.refuse_hidden()
    print(f"{write_unit(unit, folder)} is written; nothing is enabled or started yet. Next, as root:")
    for line in unit.next_commands():
        print(f"  {line}")


def _absolute_source(spec: str) -> tuple[str, str, Path]:
    """A source as it is named from any folder, its kind (empty for plain files), and its place."""
    from edge_nt.sources.spec_options import parted

    kind, place, query = parted(spec)
    # Cameras may be named by a number.
    path = Path(place) if kind == "camera" and place.isdecimal() else Path(place).absolute()
    return f"{f'{kind}:' if kind else ''}{path}{f'?{query}' if query else ''}", kind, path


def _serve_parameters(arguments: list[str]) -> tuple[Any, dict[str, Any]]:
    """The command `serve` and what it would be called with."""
    app_of_serve = typer.Typer(add_completion=False)
    app_of_serve.command("serve")(serve)
    command = typer.main.get_command(app_of_serve)
    return command, command.make_context("edge-nt serve", list(arguments)).params


def _refuse_settings(given: dict[str, Any], address: Address) -> None:
    """What a start on any machine would refuse: after that exit code nobody starts it again."""
    from edge_nt.runtime.backends import check_backend
    from edge_nt.runtime.bound_session import check_threads
    from edge_nt.runtime.crew import check_jobs
    from edge_nt.service.serve import ServeSettings
    from edge_nt.sources.source_spec import check_spec
    from edge_nt.stream.outputs import Outputs, check_live

    check_spec(given["source"])
    outputs = Outputs(given["pictures"], given["latents"], given["video"], given["dicom"], given["deidentify"])
    check_live(outputs)
    names = tuple(given["host_name"] or ())
    ServeSettings(given["source"], given["out"], address, outputs, given["page"], names, given["stalled_after"])
    check_backend(given["backend"])
    check_jobs(given["jobs"])
    check_threads(given["threads"])


def _refuse_early(given: dict[str, Any], program: Path | None) -> None:
    """What the first start on this machine would refuse. A printed unit may be for another machine."""
    from edge_nt.bundle.read import read_bundle
    from edge_nt.runtime.crew import shared_out
    from edge_nt.runtime.reconstructor import load
    from edge_nt.sources.output_folder import refuse_foreign
    from edge_nt.sources.source_spec import open_source
    from edge_nt.sources.spec_options import folder_of, parted

    if program is not None and not program.is_file():
        raise InputError(expected="the program edge-nt as --program", got=f"none at {program}", fix="correct --program")
    if program is None:
        # With the threads of each job, on which the choice of an engine hangs.
        _, threads = shared_out(given["jobs"], given["threads"])
        load(given["bundle"], threads, given["backend"], allow_unverified=given["allow_unverified"])
    elif given["bundle"] is not None:
        # Another installation has other engines.
        read_bundle(given["bundle"])
    refuse_foreign(given["out"], folder_of(given["source"]))
    # A receiver makes its folder as soon as it is opened.
    if parted(given["source"])[0] != "dicom":
        open_source(given["source"])


def _words(command: Any, given: dict[str, Any]) -> list[str]:
    """Arguments that call `serve` with what was given, its paths absolute, since a unit has no folder of its own."""
    words: list[str] = []
    for parameter in command.params:
        value = given[parameter.name]
        if parameter.name == "help" or value in (None, [], ()) or value == parameter.default:
            continue
        for each in value if isinstance(value, (list, tuple)) else [value]:
            text = str(each.absolute()) if isinstance(each, Path) else str(each)
            if parameter.param_type_name == "argument":
                words.append(text)
            elif isinstance(each, bool):
                words.append((parameter.opts if each else parameter.secondary_opts)[0])
            else:
                words += [parameter.opts[0], text]
    return words


def _parts(program: Path | None) -> tuple[Path, ...]:
    """What edge-nt is made of beside its program: links of a virtual environment lead to elsewhere."""
    if program is not None:
        python = Path(os.path.realpath(program)).with_name("python")
        return (python.resolve(),) if python.exists() else ()
    return Path(sys.executable).resolve(), Path(sys.base_prefix).resolve(), Path(__file__).resolve().parent


def _program() -> Path:
    beside = Path(sys.executable).with_name("edge-nt")
    found = str(beside) if beside.exists() else shutil.which("edge-nt")
    if found is None:
        raise MissingDependencyError(
            expected="the command edge-nt, for the unit to run",
            got=f"none beside {sys.executable}, and none on the path",
            fix="install edge-nt, or name it as --program",
        )
    return Path(found).absolute()
