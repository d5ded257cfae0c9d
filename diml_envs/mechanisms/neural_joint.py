"""NeuralJoint: an unstructured mechanism, one random network from the joint action to all payoffs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from diml_envs.arguments import whole_number
from diml_envs.mechanisms.arguments import action_sizes
from diml_envs.mechanisms.base import Mechanism
from diml_envs.mechanisms.deviations import action_mask, own_actions_only


@dataclass(frozen=True, eq=False, init=False)
class NeuralJoint(Mechanism):
    """Payoffs from a random network without any structure.

    Description:
        Each agent embeds its action in a vector of its own table (standard normal entries); the
        concatenated vectors pass two tanh layers and a linear layer to the n payoffs:
        u(a) = W3 tanh(W2 tanh(W1 [e_1(a_1), ..., e_n(a_n)] + b1) + b2) + b3. Weights and biases are
        uniform on +-1/sqrt(fan_in), PyTorch's default.

    Agents:
        `num_agents`, no two alike.

    Actions:
        Labels without order; their number may differ between agents.

    Observations:
        Whatever the environment shows; the mechanism has no public context.

    Payoffs:
        Output i of the network for agent i; differences of the order of 0.1.

    Episode end:
        None of its own.

    Arguments:
        num_agents: number of agents.
        num_actions: number of actions, or one number per agent.
        seed: seed of all weights.
        embedding: length of the embedding vectors.
        width: units of each hidden layer.

    Identified parameters:
        Only payoffs, up to what the learner hides; many weights give the same payoffs.

    Version history:
        v0: first version.

    Raises:
        ValueError: sizes that are not whole numbers of at least 1, or a seed of at least 0.

    References:
        An & Du (2026), arXiv 2601.17678, the unstructured neural mechanism.

    Example:
        >>> NeuralJoint(3, (2, 6, 4), seed=1)(np.zeros((5, 3), dtype=int)).shape
        (5, 3)
    """

    num_actions: tuple[int, ...]
    seed: int
    embedding: int
    width: int
    _first: NDArray[np.float64] = field(repr=False)  # [n, A, width]: W1 e_i(a), what one action adds
    _layers: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...] = field(repr=False)
    _bias: NDArray[np.float64] = field(repr=False)

    def __init__(
        self,
        num_agents: int = 3,
        num_actions: int | Sequence[int] = 6,
        *,
        seed: int = 0,
        embedding: int = 6,
        width: int = 128,
    ):
        """Build the mechanism; see the class for the arguments."""
        sizes = action_sizes(num_agents, num_actions)
        embedding, width = whole_number("embedding", embedding), whole_number("width", width)
        rng = np.random.default_rng(seed := whole_number("seed", seed, least=0))
        tables = rng.standard_normal((num_agents, max(sizes), embedding)) * action_mask(sizes)[..., None]
        weights, bias = torch_linear(rng, num_agents * embedding, width)
        first = np.einsum("iae,iew->iaw", tables, weights.reshape(num_agents, embedding, width))
        layers = (torch_linear(rng, width, width), torch_linear(rng, width, num_agents))
        self._assign(
            num_actions=sizes,
            seed=seed,
            embedding=embedding,
            width=width,
            _first=first,
            _layers=layers,
            _bias=bias,
        )

    def payoffs(self, actions: NDArray[np.integer], context: NDArray | None = None) -> NDArray[np.float64]:
        """Return payoffs float64 [..., n] of joint actions int [..., n]."""
        hidden = self._hidden(self._first[np.arange(self.num_agents), actions].sum(axis=-2))
        weights, bias = self._layers[1]
        return hidden @ weights + bias

    def deviation_payoffs(
        self, actions: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return deviation payoffs float64 [..., n, A] of joint actions int [..., n]."""
        chosen = self._first[np.arange(self.num_agents), actions]  # [..., n, width]
        others = chosen.sum(axis=-2, keepdims=True) - chosen
        hidden = self._hidden(others[..., None, :] + self._first)  # [..., n, A, width]
        weights, bias = self._layers[1]
        values = np.einsum("...iaw,wi->...ia", hidden, weights) + bias[:, None]
        return own_actions_only(values, self.num_actions)

    def _hidden(self, first: NDArray[np.float64]) -> NDArray[np.float64]:
        weights, bias = self._layers[0]
        return np.tanh(np.tanh(first + self._bias) @ weights + bias)


def torch_linear(
    rng: np.random.Generator, inputs: int, outputs: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw weights [inputs, outputs] and biases [outputs] as torch.nn.Linear does: U(+-1/sqrt(inputs))."""
    bound = 1 / np.sqrt(inputs)
    return rng.uniform(-bound, bound, size=(inputs, outputs)), rng.uniform(-bound, bound, size=outputs)
