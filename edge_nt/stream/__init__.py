"""Frames on their way from a source through a bundle to sinks, several at a time, in order."""
