"""The `edge-nt` command: registers every command and turns errors into one line and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Annotated

import typer

from edge_nt import __version__
from edge_nt.cli import (
    bench,
    bench_live,
    bench_training,
    build,
    caliper,
    data,
    decode,
    demo,
    doctor,
    encode,
    evaluate,
    export,
    ood,
    probe,
    reference,
    report,
    run,
    serve,
    service,
    study,
    train,
    verify,
)
from edge_nt.errors import EdgeNtError, InputError

_HELP = "Nuchal translucency ultrasound models on carts, with the measurement kept. Research use only."
# In the order of --help, which has groups last.
_COMMANDS: dict[str, Callable[..., None] | typer.Typer] = {
    "train": train.train,
    "study": study.study,
    "evaluate": evaluate.evaluate,
    "ood": ood.ood,
    "probe": probe.probe,
    "export": export.export,
    "build": build.build,
    "doctor": doctor.doctor,
    "run": run.run,
    "serve": serve.serve,
    "encode": encode.encode,
    "decode": decode.decode,
    "verify": verify.verify,
    "caliper": caliper.caliper,
    "bench": bench.bench,
    "bench-live": bench_live.bench_live,
    "bench-training": bench_training.bench_training,
    "report": report.report,
    "reference": reference.reference,
    "demo": demo.demo,
    "data": data.app,
    "service": service.app,
}


def command_line(asked: Collection[str] = _COMMANDS.keys()) -> typer.Typer:
    """The command line; of commands that are not `asked` for it knows names and descriptions alone.

    To look into the parameters of all takes a good part of the time in which `edge-nt --help` answers.
    """
    app = typer.Typer(
        name="edge-nt", help=_HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    app.callback()(_edge_nt)
    for name, command in _COMMANDS.items():
        if isinstance(command, typer.Typer) and name in asked:
            app.add_typer(command, name=name)
        else:
            app.command(name)(command if name in asked else _described(command))
    return app


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"edge-nt {__version__}")
        raise typer.Exit


def _edge_nt(
    _version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version and end.")
    ] = False,
) -> None:
    return


app = command_line()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line with `arguments` (default: those of the process) and return its exit code."""
    try:
        command_line(sys.argv[1:] if arguments is None else arguments)(args=arguments, prog_name="edge-nt")
    except EdgeNtError as error:
        _say(str(error))
        return error.exit_code
    except OSError as error:
        # Whatever was asked of the file system, a path is the user's to mend, and a full disk too.
        _say(_file_system(error))
        return InputError.exit_code
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0


def _described(command: Callable[..., None] | typer.Typer) -> Callable[[], None]:
    def nothing() -> None:
        pass

    nothing.__doc__ = command.info.help if isinstance(command, typer.Typer) else command.__doc__
    return nothing


def _say(words: str) -> None:
    # Where nobody can be told, the exit code still tells.
    with suppress(OSError):
        print(f"edge-nt: {_one_line(words)}", file=sys.stderr)


def _file_system(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    fix = "correct the path, its permissions, or make room"
    return f"Expected files and folders that can be used. Got {where}{error.strerror or error}. Fix: {fix}."


def _one_line(words: str) -> str:
    # Names of files may hold line ends, and codes that a terminal obeys.
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in words)


def entry_point() -> None:
    """Entry point of the installed command."""
    sys.exit(main())
