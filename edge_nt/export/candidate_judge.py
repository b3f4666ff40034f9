"""INT8 candidates before they are written: run in memory and held against FP32 by verify's own gates.

Only source validation is ever looked at. What is chosen by these verdicts has seen nothing of the held-out hospital.
"""

from __future__ import annotations

from pathlib import Path

from edge_nt.bundle.read import Bundle
from edge_nt.export.bundle_parts import (
    MadeGraphs,
    OnStage,
    SourceLatents,
    fit_ood_of,
    golden_vectors,
    manifest_of,
    source_latents,
)
from edge_nt.export.onnx_graph import Graphs, graph_bytes
from edge_nt.runtime.backends import installed_backends
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession
from edge_nt.runtime.openvino_session import OpenVinoSession
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.runtime.session import Session
from edge_nt.training.run_frames import RunFrames
from edge_nt.verify.comparison import Comparison, compare
from edge_nt.verify.gates import GateFile
from edge_nt.verify.reference_pass import pass_reference


class CandidateJudge:
    """Compares graphs with the float ones they were made from; the reference runs once for all candidates.

    OOD statistics are fitted anew for every candidate; an encoder that comes again with other decoders encodes once.
    """

    def __init__(self, run: Path, source: RunFrames, exact: Graphs, gate_file: GateFile, on_stage: OnStage) -> None:
        self.gate_file = gate_file
        # OpenVINO runs both INT8 forms in integers; onnxruntime runs TensorRT's in float kernels, several times slower.
        self.backend = "openvino" if "openvino" in installed_backends() else "onnxruntime"
        self._run, self._source, self._on_stage = run, source, on_stage
        self._latents: dict[bytes, SourceLatents] = {}
        reference = self._reconstructor(MadeGraphs(exact, "fp32", "any"))
        self._reference = pass_reference(
            reference,
            source.dataset,
            held_out=False,
            on_frame=lambda done, total: on_stage("running the FP32 reference over source validation", done, total),
        )

    def __call__(self, made: MadeGraphs, name: str) -> Comparison:
        """The gates of one candidate on source validation; `name` says in the progress which it is."""
        candidate = self._reconstructor(made)
        return compare(
            candidate,
            self._reference,
            self.gate_file.gates,
            on_frame=lambda done, total: self._on_stage(f"judging {name}", done, total),
        )

    def _reconstructor(self, made: MadeGraphs) -> Reconstructor:
        encoder, decoder = graph_bytes(made.graphs.encoder), graph_bytes(made.graphs.decoder)
        session: Session = (
            OpenVinoSession(encoder, decoder) if self.backend == "openvino" else OnnxRuntimeSession(encoder, decoder)
        )
        if encoder not in self._latents:
            self._latents[encoder] = source_latents(session, self._source, self._on_stage)
        ood = fit_ood_of(session, self._source, self._latents[encoder], self._on_stage)
        manifest = manifest_of(self._run, self._source, made, ood.latent.means.shape[1])
        golden = golden_vectors(session, self._source.info)
        return Reconstructor(Bundle(Path("candidate"), manifest, encoder, decoder, ood, golden), session)
