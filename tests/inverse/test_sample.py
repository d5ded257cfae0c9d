"""What a likelihood is maximised on: cut into parts or whole, the gradient is the same."""

import numpy as np
import pytest
import torch

import diml_inverse.sample as samples
from diml_inverse import Bounded, Fixed, LearningDynamics, TrajectoryDataset
from diml_inverse.learners import BanditQ, LogitQ
from diml_inverse.mechanisms import Known, NeuralJoint, TabularJoint
from diml_inverse.sample import Sample

SIZES = (2, 3)
MECHANISMS = {
    "table": lambda: TabularJoint(SIZES, ridge=2.0),
    "network": lambda: NeuralJoint(SIZES),
    "known": lambda: Known(lambda actions: 1.0 * actions, SIZES),
}
RULES = {
    "logit-Q": lambda share: LogitQ(SIZES, step_size=share(0.3), inverse_temperature=Fixed(2.0)),
    "bandit Q": lambda share: BanditQ(
        SIZES, step_size=share(0.3), inverse_temperature=Fixed(2.0), exploration=share(0.1)
    ),
}


def played(episodes=7, horizon=5):
    rng = np.random.default_rng(0)
    actions = np.stack([rng.integers(size, size=(episodes, horizon)) for size in SIZES], axis=-1)
    return TrajectoryDataset.from_arrays(actions, SIZES)


@pytest.mark.parametrize("share", [Fixed, Bounded])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_parts_give_the_gradient_of_the_whole(monkeypatch, mechanism, rule, share):
    if mechanism == "known" and share is Fixed:
        pytest.skip("nothing is free")
    data, model = played(), LearningDynamics(MECHANISMS[mechanism](), RULES[rule](share)).double()
    with torch.no_grad():
        for k, parameter in enumerate(model.mechanism.parameters()):
            parameter.normal_(generator=torch.Generator().manual_seed(k))
    found = []
    for limit in (10**9, 2 * data.actions[0].numel() * data.max_actions):
        monkeypatch.setattr(samples, "PART", limit)
        sample = Sample.of(data, model)
        model.zero_grad()
        loss = sample.descend(model, data.num_choices)
        slopes = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in model.parameters()]
        found.append((len(sample.parts), loss, slopes, sample.log_likelihood(model).detach()))
    (whole, loss, slopes, value), (parts, *others) = found
    assert (whole, parts) == (0, 4)  # seven episodes, two at a time
    torch.testing.assert_close(others, [loss, slopes, value], rtol=1e-12, atol=1e-12)


def test_an_episode_larger_than_a_part_is_a_part_of_its_own(monkeypatch):
    monkeypatch.setattr(samples, "PART", 1)
    model = LearningDynamics(TabularJoint(SIZES, ridge=1.0), RULES["logit-Q"](Fixed))
    assert len(Sample.of(played(episodes=3), model).parts) == 3
