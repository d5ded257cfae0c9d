"""A first guess at choice probabilities from choices alone: what an agent did before, smoothed."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.learners.base import chosen
from diml_inverse.scan import linear_scan

MEMORIES = (4.0, 16.0, 64.0, 256.0, 1024.0)
"""Mean ages, in steps, of the choices that a candidate counts."""


def past_frequencies(actions: Int[Tensor, "E T n"], mask: Bool[Tensor, "n A"]) -> Float[Tensor, "E T n A"]:
    """Choice probabilities at every step, predicted from the agent's own choices before it.

        f[m, t](a) = (1/2 + sum_{s<t} d_m^(t-1-s) 1{a_s = a}) / (A_i/2 + sum_{s<t} d_m^(t-1-s))
        p[t](a) = sum_m w[m, t] f[m, t](a),  w[m, t] proportional to prod_{s<t} f[m, s](a_s)

    Each candidate m forgets at its own rate d_m = 1 - 1 / MEMORIES[m] and starts from the half count of
    Krichevsky and Trofimov. They are mixed by how well they predicted the agent's choices so far in the
    episode, so the mixture's log loss exceeds the best candidate's by at most log(number of candidates), and
    nothing of the present or the future is read.

    Args:
        actions: joint actions.
        mask: True where agent i has action a.

    Returns:
        float64; 0 beyond an agent's own actions.

    References:
        Krichevsky & Trofimov (1981), IEEE Transactions on Information Theory 27; Dawid (1984), Journal of
        the Royal Statistical Society A 147 (prequential weights); Hotz & Miller (1993), Review of Economic
        Studies 60 (choice probabilities estimated first).
    """
    own = mask.to(torch.float64)
    taken = chosen(actions, mask.shape[1], torch.float64)
    half, losses, candidates = 0.5 * own, [], []
    for memory in MEMORIES:
        decay = own.new_tensor(1 - 1 / memory)
        counts = linear_scan(decay, taken[:, :-1], torch.zeros_like(taken[:, 0])) + half
        candidate = counts / counts.sum(-1, keepdim=True)
        candidates.append(candidate)
        losses.append((candidate * taken).sum(-1).log())
    score = torch.stack(losses)  # [m, E, T, n]
    past = score.cumsum(2) - score
    weights = torch.softmax(past, dim=0).unsqueeze(-1)
    return (weights * torch.stack(candidates)).sum(0)
