"""Out-of-distribution scores on frozen latents, in numpy; safe to import on a cart."""
