"""Gradient calibration: every term starts with the pull of the reference term."""

import pytest
import torch

from edge_nt.losses.gradient_weights import calibrated_weights, gradient_norms


def test_norms_are_those_of_backward_and_leave_no_gradient() -> None:
    layer = torch.nn.Linear(4, 3)
    output = layer(torch.ones(2, 4))
    terms = {"a": output.square().mean(), "b": 100 * output.abs().mean()}
    norms = gradient_norms(terms, list(layer.parameters()))
    assert all(parameter.grad is None for parameter in layer.parameters())
    terms["b"].backward()
    expected = torch.cat([parameter.grad.flatten() for parameter in layer.parameters()]).norm().item()
    assert norms["b"] == pytest.approx(expected, rel=1e-6)


def test_weighted_gradients_have_one_norm() -> None:
    norms = [{"a": 2.0, "b": 0.5, "c": 10.0}, {"a": 4.0, "b": 0.5, "c": 20.0}]
    weights = calibrated_weights(norms, "a")
    assert weights["a"] == 1.0
    for name in "bc":
        mean = sum(batch[name] for batch in norms) / 2
        assert weights[name] * mean == pytest.approx(3.0)
    stronger = calibrated_weights(norms, "a", 2.5)
    assert stronger == pytest.approx({"a": 1.0, "b": 2.5 * weights["b"], "c": 2.5 * weights["c"]})


def test_a_batch_without_boxes_does_not_dilute_the_mean() -> None:
    assert calibrated_weights([{"a": 1.0, "b": 0.5}, {"a": 1.0, "b": 0.0}], "a")["b"] == 2.0


def test_a_term_that_never_pulls_gets_no_weight() -> None:
    assert calibrated_weights([{"a": 1.0, "b": 0.0}], "a")["b"] == 0.0
