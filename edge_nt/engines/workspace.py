"""The memory that a build may work in, apart from what builds, since `edge-nt --help` asks for it too."""

# These graphs need a few MB; without a cap TensorRT may take all the memory that a Jetson shares with its system.
DEFAULT_WORKSPACE_MB = 1024
