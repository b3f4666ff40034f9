"""One process of two, for test_fleet.py: the gradients of one batch in parts, written by the leading process."""

import sys
from pathlib import Path

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from safetensors.torch import save_file

from edge_nt.model.autoencoder import AutoEncoder
from edge_nt.training.batches import frame_set, training_batch
from edge_nt.training.fleet import Fleet
from edge_nt.training.launch import processes
from edge_nt.training.run_folder import read_run
from edge_nt.training.run_frames import read_run_frames
from edge_nt.training.stage import StageSetting, loss_terms


def gradients(run: Path) -> dict[str, torch.Tensor]:
    """Gradients and BatchNorm buffers after one batch of stage 2, and its terms.

    In float64: in float32 the order of the same frames alone moves these gradients by a hundredth, through ReLUs.
    """
    together = processes(None, None, new_run=False)
    info = read_run(run)
    device = torch.device("cpu")
    fabric = Fabric(
        accelerator="cpu",
        devices=together.here,
        strategy=DDPStrategy() if together.here > 1 else "auto",
        precision="64-true",
    )
    fabric.launch()
    fleet = Fleet(fabric, fabric.global_rank, fabric.world_size)
    source = read_run_frames(info, None)
    frames = frame_set(source, source.split.train)
    setting = StageSetting(2, run, info.recipe, frames, frames, device, print, bool)
    torch.manual_seed(0)
    model = AutoEncoder(192, 192).double()
    joined = fleet.joined(model).train()
    batch = training_batch(frames, info.recipe, 2, 0, fleet.part(info.recipe.batch_size))
    terms = loss_terms(setting, fleet, joined, batch)
    fleet.backward(torch.stack(list(terms.values())).sum())
    found = {f"gradient.{name}": weight.grad.clone() for name, weight in model.named_parameters()}
    found |= {f"buffer.{name}": buffer.clone() for name, buffer in model.named_buffers()}
    return {**found, **{f"term.{name}": fleet.sum(term) for name, term in terms.items()}}


if __name__ == "__main__":
    rank = processes(None, None, new_run=False).rank
    save_file(gradients(Path(sys.argv[1])), f"{sys.argv[2]}-{rank}.safetensors")
