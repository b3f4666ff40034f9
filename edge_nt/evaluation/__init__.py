"""Evaluation of a trained run by split and hospital: metrics, out-of-distribution detection, panels (torch)."""
