"""Which options a person gave, for commands in which some options say nothing beside others."""

from __future__ import annotations

from collections.abc import Collection

import typer

from edge_nt.errors import InputError


def refuse_others(context: typer.Context, chosen: str, allowed: Collection[str]) -> None:
    """Raises: InputError for what was given beside `chosen` and is none of the parameters `allowed`."""
    given = [
        parameter
        for parameter in context.command.params
        if parameter.name not in allowed and _typed(context.get_parameter_source(parameter.name or ""))
    ]
    if given:
        names = ", ".join(
            str(parameter.name).upper() if parameter.param_type_name == "argument" else parameter.opts[0]
            for parameter in given
        )
        raise InputError(expected=f"no {names} beside {chosen}", got="both", fix="leave one of them out")


def _typed(source: object) -> bool:
    # By name: the enumeration is click's, or that of the click inside newer typers.
    return getattr(source, "name", None) == "COMMANDLINE"
