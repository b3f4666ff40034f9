"""Frames, regions of interest and the one preprocessing, in numpy and OpenCV; safe to import on a cart."""
