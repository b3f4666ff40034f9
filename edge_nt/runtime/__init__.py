"""Frames through a bundle on the cart: ``load("bundle").score_file("scan.png").ood_score``."""

from edge_nt.runtime.admission import Admission
from edge_nt.runtime.backend_choice import BackendChoice
from edge_nt.runtime.reconstruction import Reconstruction, StageTimes
from edge_nt.runtime.reconstructor import Reconstructor, load

__all__ = ["Admission", "BackendChoice", "Reconstruction", "Reconstructor", "StageTimes", "load"]
