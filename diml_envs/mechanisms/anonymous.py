"""Anonymous: large games in which only how many others took each action matters, and matters for good."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import convolve
from scipy.special import gammaln

from diml_envs.arguments import whole_number
from diml_envs.mechanisms.arguments import action_sizes, positive, proportion
from diml_envs.mechanisms.counts import AnonymousMechanism
from diml_envs.mechanisms.neural_joint import torch_linear


@dataclass(frozen=True, eq=False, init=False)
class Anonymous(AnonymousMechanism):
    """Symmetric game of many agents whose payoff differences depend on the others by a set share.

    Description:
        One function of the own action a and of the opponents' counts c (c_b of the N = n - 1 opponents
        took action b), the same for all agents:
        u(a, c) = scale [sqrt(1 - s) h(a) + sqrt(s) sum_b K(a, b) sqrt(c_b / N)], s = `interaction_share`.
        h: standard normal draws, standardised over actions. K(a, b) = F(e_a, e_b) - F(e_b, e_a) with
        centred rows: how much a gains from b is what b loses to a (cyclic dominance, as in
        rock-paper-scissors). F is a random network of two actions' embeddings with two ReLU layers of
        `width` (PyTorch's default weights). Square roots of shares keep one size of payoffs whether play is
        spread or concentrated.
        Reference: K is scaled such that, when every count vector c is equally likely, payoffs have mean
        square scale^2 around 0 and the part of it that comes from c is exactly s.
        Why cyclic: with a network of (e_a, c) itself the share under a reference is set as exactly, but
        learners settle at once and the others' actions stop varying. Here the population keeps moving: in
        logs of LogitQ(step_size=.2, inverse_temperature=6, exploration=.02) at An & Du's sizes, 40 x 10
        to 300 x 40, the realised share is 0.44, 0.46, 0.55, 0.72, 0.77 (least of 20 seeds: 0.38).

    Agents:
        `num_agents` >= 2, all alike.

    Actions:
        Labels without order, the same for all.

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        Zero on average over own actions, in every context.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of agents.
        num_actions: number of actions of each agent, at least 3 (with 2 nothing can be cyclic).
        interaction_share: share s of the variance of own-action payoff differences due to the others.
        scale: root mean square of payoffs under the reference.
        seed: seed of all draws.
        embedding: length of an action's embedding.
        width: units of each hidden layer of F.

    Identified parameters:
        Payoff differences between own actions in each context; as payoffs are centred, all of u if the
        scale of choices is known.

    Version history:
        v0: first version.

    Raises:
        ValueError: wrong sizes, a seed that is no whole number, a share outside [0, 1], a scale that is not
            positive.

    References:
        An & Du (2026), arXiv 2601.17678, the anonymous games; Sandholm (2010), Population Games and
        Evolutionary Dynamics, chapter 3 (stable games).

    Example:
        >>> game = Anonymous(num_agents=300, num_actions=40)
        >>> game.deviation_payoffs(np.zeros((2, 300), dtype=int)).shape
        (2, 300, 40)
    """

    num_actions: tuple[int, ...]
    interaction_share: float
    scale: float
    seed: int
    embedding: int
    width: int
    _own: NDArray[np.float64] = field(repr=False)  # [A]
    _kernel: NDArray[np.float64] = field(repr=False)  # [A, A], own action first

    def __init__(
        self,
        num_agents: int = 40,
        num_actions: int = 10,
        *,
        interaction_share: float = 0.5,
        scale: float = 0.5,
        seed: int = 0,
        embedding: int = 16,
        width: int = 256,
    ):
        """Build the mechanism; see the class for the arguments."""
        sizes = action_sizes(num_agents, num_actions)
        if num_agents < 2 or len(set(sizes)) > 1 or sizes[0] < 3:
            raise ValueError(
                f"expected at least 2 agents with the same number of actions, at least 3, found {num_agents} "
                f"agents with {num_actions}; agents of an anonymous game are all alike"
            )
        interaction_share = proportion("interaction_share", interaction_share)
        scale = positive("scale", scale)
        embedding, width = whole_number("embedding", embedding), whole_number("width", width)
        rng = np.random.default_rng(seed := whole_number("seed", seed, least=0))
        size = sizes[0]
        own = rng.standard_normal(size)
        own = (own - own.mean()) / own.std()
        kernel = _dominance(rng, size, embedding, width)
        variance = 1 / size - _mean_root_product(num_agents - 1, size)
        kernel *= np.sqrt(size / variance) / np.linalg.norm(kernel)
        self._assign(
            num_actions=sizes,
            interaction_share=interaction_share,
            scale=scale,
            seed=seed,
            embedding=embedding,
            width=width,
            _own=scale * np.sqrt(1 - interaction_share) * own,
            _kernel=scale * np.sqrt(interaction_share / (num_agents - 1)) * kernel,
        )

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return float64 [..., A, A]: what a would earn whoever takes b now, from counts int [..., A]."""
        roots = np.sqrt(counts)
        everyone = self._own + roots @ self._kernel.T  # [..., A], as if one's own action were an opponent's
        less = np.sqrt(np.maximum(counts - 1, 0)) - roots  # [..., A], what taking oneself out does to a root
        return everyone[..., None, :] + less[..., None] * self._kernel.T


def _dominance(rng: np.random.Generator, size: int, embedding: int, width: int) -> NDArray[np.float64]:
    """Draw a random antisymmetric kernel [A, A] with centred rows and columns."""
    actions = rng.standard_normal((size, embedding))
    weights, bias = torch_linear(rng, 2 * embedding, width)
    own, other = actions @ weights[:embedding] + bias, actions @ weights[embedding:]
    (weights, bias), (last, _) = torch_linear(rng, width, width), torch_linear(rng, width, 1)
    rows = [np.maximum(np.maximum(row + other, 0) @ weights + bias, 0) @ last[:, 0] for row in own]
    kernel = np.stack(rows) - np.stack(rows).T
    mean = kernel.mean(axis=1)
    return kernel - mean[:, None] + mean


def _mean_root_product(opponents: int, size: int) -> float:
    """Return the mean of sqrt(c_1 c_2) / N over all count vectors of N opponents and A actions, A >= 3."""
    totals = np.arange(opponents + 1)
    products = convolve(np.sqrt(totals), np.sqrt(totals))[: opponents + 1]  # sums of sqrt(c_1 c_2)
    rest = _log_compositions(opponents - totals, size - 2) - _log_compositions(opponents, size)
    return float(products @ np.exp(rest)) / opponents


def _log_compositions(total: Any, parts: int) -> Any:
    """Return the log of the number of vectors of `parts` counts that sum to `total`."""
    return gammaln(total + parts) - gammaln(total + 1) - gammaln(parts)
