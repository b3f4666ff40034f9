"""The `edge-nt` command line: parse, one call, render."""
