"""Do agents begin indifferent? Where they do not, initial attractions are estimated."""

import torch
from scipy.stats import chi2

from diml_inverse.episodes import EpisodeDataset
from diml_inverse.sample import action_weights

UNLIKELY = 1e-3
"""Probability under uniform first choices below which they count as not uniform."""

APART = 12
"""Initial attractions beyond which they are taken to be alike: each costs a replay of the log per step."""


def first_attractions(dataset: EpisodeDataset) -> list[list[float]] | None:
    """Logarithms of how often each own action was an agent's first, less their mean, [n, A].

    Rules whose attractions start alike choose uniformly at first. None if the log does not contradict this
    (Pearson's chi-squared over all agents, at `UNLIKELY`), if agents times the most actions of one are more
    than `APART`, or if actions are closed or agents absent at the first step.

    References:
        Camerer & Ho (1999), Econometrica 67, section 2.4 (initial attractions are estimated, not assumed).
    """
    sizes, width = dataset.num_actions, max(dataset.num_actions)
    everyone = bool(dataset.observed()[:, 0].all()) and dataset.available is None
    if not everyone or len(sizes) * width > APART:
        return None
    weights = action_weights(dataset)[:, 0].sum(0).cpu()  # [n, A]
    exists = torch.arange(width) < torch.tensor(sizes)[:, None]
    expected = (weights.sum(1, keepdim=True) / exists.sum(1, keepdim=True)).expand_as(weights)
    statistic = float(((weights - expected).square() / expected)[exists].sum())
    freedom = int(exists.sum()) - len(sizes)
    if freedom == 0 or chi2.sf(statistic, freedom) > UNLIKELY:
        return None
    logs = torch.where(exists, (weights + 0.5).log(), 0.0)
    logs = torch.where(exists, logs - logs.sum(1, keepdim=True) / exists.sum(1, keepdim=True), 0.0)
    return logs.tolist()
