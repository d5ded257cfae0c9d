"""What a batch of rewards says about advantages whatever the critic expects, and their normalisation."""

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.learners.batches import Batches
from diml_inverse.scan import linear_scan

LEAST_SPREAD = 1e-8
"""Added to the standard deviation of advantages, as in the PPO of Stable-Baselines3 (ppo.py, `train`)."""


def advantage_summaries(
    rewards: Float[Tensor, "E T n"],
    taken: Float[Tensor, "E T n A"],
    batches: Batches,
    kept: Float[Tensor, "..."],
    *,
    split: bool,
) -> tuple[Float[Tensor, "E B n A"], Float[Tensor, "E B n A"], Tensor, Float[Tensor, "E B n A"]]:
    """Parts of advantages that are G + l H, of returns G, horizons H and a number l that is not known yet.

        G_t = r_t + kept G_(t+1), H_t = 1 + kept H_(t+1) within a batch

    Less their batch's mean they are rest + (slope + l) horizons, where the rest is what of the returns does
    not go with the horizons. The squares of such two add up: a variance is never a small difference of large
    numbers.

    Args:
        rewards: r.
        taken: 1 at the action taken.
        batches: where batches begin.
        kept: discount times trace, shape () or (n, 1).
        split: whether to split off what goes with the horizons; without, the slope is 0.

    Returns:
        Means at the action taken of the rest and of horizons, both less their mean; means of G and of H, the
        slope, and variances of rest and of horizons [E, B, n, 5]; the share of steps with each action.
    """
    both = torch.stack([rewards, torch.ones_like(rewards)], dim=-1)  # [E, T, n, 2]
    if kept.ndim:
        kept = kept.squeeze(-1)  # [n], beside [E, T, n]
    decay = (kept * batches.goes_on.to(rewards.dtype)).unsqueeze(-1)
    both = linear_scan(decay.flip(1), both.flip(1), torch.zeros_like(both[:, 0]))[:, 1:].flip(1)
    rest, horizons = batches.centred(both).split(1, dim=-1)  # [E, T, n, 1]
    squares = batches.mean(horizons.square())
    slope = torch.zeros_like(squares)
    if split:
        slope = batches.mean(rest * horizons) / torch.where(squares > 0, squares, 1.0)
        rest = rest - batches.at_steps(slope) * horizons
    numbers = [batches.mean(both), slope, batches.mean(rest.square()), squares]
    at_taken = batches.mean(taken * rest), batches.mean(taken * horizons)
    return *at_taken, torch.cat(numbers, dim=-1), batches.frequency.to(rewards.dtype)


def normalised(
    push: Float[Tensor, "E n A"], variance: Float[Tensor, "E n 1"], size: Float[Tensor, "E n 1"]
) -> Float[Tensor, "E n A"]:
    """Divided by the standard deviation; 0, without a slope, where advantages differ by rounding alone.

    Args:
        push: what is linear in advantages less their mean.
        variance: of advantages.
        size: square of the numbers that advantages are differences of.
    """
    alike = variance <= (8 * torch.finfo(variance.dtype).eps) ** 2 * size
    spread = torch.where(alike, 1.0, variance).sqrt() + LEAST_SPREAD
    return torch.where(alike, 0.0, push / spread)
