"""Known games, learners and logs that several tests simulate."""

import numpy as np
import torch

import diml_inverse as di
from diml_inverse.mechanisms import Congestion, Known

SIZES = (3, 3, 3)


def logit(sizes=SIZES, step=0.25, beta=3.0, exploration=0.06, **more):
    step = step if isinstance(step, torch.nn.Module) else di.Fixed(step)
    return di.learners.LogitQ(
        sizes, step_size=step, inverse_temperature=di.Fixed(beta), exploration=di.Fixed(exploration), **more
    )


def routes(linear=(0.2, 0.3, 0.5), quadratic=(0.05, 0.02, 0.1), sizes=SIZES):
    mechanism = Congestion(sizes)
    with torch.no_grad():
        mechanism.linear.copy_(torch.tensor(linear))
        mechanism.quadratic.copy_(torch.tensor(quadratic))
    return mechanism


def logged(model, episodes=30, horizon=30, seed=1, **columns):
    n = model.mechanism.num_agents
    found = model.simulate(di.draw_uniforms(episodes, horizon, n, seed=seed))
    return di.TrajectoryDataset.from_arrays(found.actions.numpy(), model.mechanism.num_actions, **columns)


def alone(sizes=(3,)):
    """One agent whose payoffs depend on nobody: policies are then free of chance under full information."""
    return Known(lambda actions: np.take([0.3, 0.5, 0.1], actions), sizes)
