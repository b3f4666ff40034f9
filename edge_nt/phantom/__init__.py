"""Phantom scans: synthetic first-trimester pictures whose NT thickness is known exactly."""
