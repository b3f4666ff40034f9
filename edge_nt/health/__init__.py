"""Whether this machine can do its work: the checks of `edge-nt doctor`, each with its fix."""
