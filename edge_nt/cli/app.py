"""The `edge-nt` command: registers every command and turns errors into one line and an exit code."""

from __future__ import annotations

import sys

import typer

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
from edge_nt.errors import EdgeNtError

app = typer.Typer(
    name="edge-nt",
    help="Nuchal translucency ultrasound models on carts, with the measurement kept. Research use only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")
app.command("train")(train.train)
app.command("study")(study.study)
app.command("evaluate")(evaluate.evaluate)
app.command("ood")(ood.ood)
app.command("probe")(probe.probe)
app.command("export")(export.export)
app.command("build")(build.build)
app.command("doctor")(doctor.doctor)
app.command("run")(run.run)
app.command("serve")(serve.serve)
app.add_typer(service.app, name="service")
app.command("encode")(encode.encode)
app.command("decode")(decode.decode)
app.command("verify")(verify.verify)
app.command("caliper")(caliper.caliper)
app.command("bench")(bench.bench)
app.command("bench-live")(bench_live.bench_live)
app.command("bench-training")(bench_training.bench_training)
app.command("report")(report.report)
app.command("reference")(reference.reference)
app.command("demo")(demo.demo)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line with `arguments` (default: those of the process) and return its exit code."""
    try:
        app(args=arguments, prog_name="edge-nt")
    except EdgeNtError as error:
        print(f"edge-nt: {_one_line(str(error))}", file=sys.stderr)
        return error.exit_code
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0


def _one_line(words: str) -> str:
    # Names of files may hold line ends, and codes that a terminal obeys.
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in words)


def entry_point() -> None:
    """Entry point of the installed command."""
    sys.exit(main())
