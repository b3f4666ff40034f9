"""Two-stage training on a workstation (torch): recipes, frames, the loop, checkpoints and run folders."""
