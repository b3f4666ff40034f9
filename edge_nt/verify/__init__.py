"""Precision against precision: the same frames through two bundles, gated inside the ROI."""
