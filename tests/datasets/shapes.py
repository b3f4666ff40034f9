"""Shapes that several tests of polygons share, as rings of (h, w)."""

from edge_nt.imaging.polygon import Ring

RING: Ring = ((0.0, 0.0), (0.0, 10.0), (10.0, 10.0), (10.0, 0.0))
BOW_TIE: Ring = ((0.0, 0.0), (10.0, 10.0), (10.0, 0.0), (0.0, 10.0))
