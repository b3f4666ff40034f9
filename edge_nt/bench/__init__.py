"""Latency with a written method: `benchmarks/README.md`."""
