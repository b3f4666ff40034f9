"""edge-nt: first-trimester nuchal translucency ultrasound models on carts, with the measurement kept."""

__version__ = "0.4.0"
