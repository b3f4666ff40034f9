"""One self-contained HTML page from a run and its result files."""
