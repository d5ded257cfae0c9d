"""Which games are played, by whom and how long: the paper's experiments, and E7 as it should have been."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

import diml_envs
import diml_inverse as di
from diml_envs.mechanisms.counts import AnonymousMechanism
from diml_envs.mechanisms.neural_joint import torch_linear

TABLE_SEEDS = tuple(range(200, 210))
"""Seeds of the committed tables: nothing was ever tuned on them."""

DEVELOPMENT_SEEDS = tuple(range(100, 110))
"""Seeds for whoever develops an estimator; they never appear in a table."""

STRATEGIC = 0.5
"""Interaction share of the strategic crowd under its reference; that of the logs is 0.38 and more."""


@dataclass(frozen=True)
class Rule:
    """Logit-Q with these parameters."""

    step_size: float
    inverse_temperature: float
    exploration: float

    def scaled(self, step_size: float, inverse_temperature: float, exploration: float) -> "Rule":
        """The parameters times these factors."""
        return Rule(
            self.step_size * step_size,
            self.inverse_temperature * inverse_temperature,
            min(0.5, self.exploration * exploration),
        )

    def plays(self) -> diml_envs.LogitQ:
        """The rule that makes logs."""
        return diml_envs.LogitQ(**vars(self))

    def known(self, sizes: tuple[int, ...]) -> di.learners.LogitQ:
        """The rule that reads logs."""
        return di.learners.LogitQ(sizes, **{name: di.Fixed(value) for name, value in vars(self).items()})


SHIFT = (0.6, 1.4, 1.5)
"""What the paper's code multiplies step size, inverse temperature and exploration by in counterfactuals."""

SMALL_RULE, CROWD_RULE = Rule(0.25, 3.0, 0.06), Rule(0.2, 6.0, 0.02)


@dataclass(frozen=True)
class Experiment:
    """A game of a size and a log of a length.

    Attributes:
        name: as in the tables.
        agents: number of agents.
        actions: number of actions of each.
        game: by seed.
        rule: what the agents do.
        episodes: in the log; a fifth of them are kept for testing.
        horizon: steps of an episode.
        crowd: agents are alike and many: joint tables cannot be formed, mean play is taken over agents.
        counted: the log holds counts of actions only.
        plays: makes the log, where that is another rule than `rule`.
    """

    name: str
    agents: int
    actions: int
    game: Callable[[int], diml_envs.Mechanism]
    rule: Rule = SMALL_RULE
    episodes: int = 60
    horizon: int = 60
    crowd: bool = False
    counted: bool = False
    plays: diml_envs.Learner | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of actions of every agent; of the one representative where the log holds counts."""
        return (self.actions,) * (1 if self.counted else self.agents)


@dataclass(frozen=True, eq=False)
class Trial:
    """One log of an experiment, as estimators see it, and what only the scores may look at.

    Attributes:
        train: all that estimators are given.
        test: held-out episodes, for scores alone.
        truth: the game.
        truth_score: mean log probability of the test choices under the agents' own policies.
        pressed: the action taken most in training: what counterfactuals toll and close.
        toll: root mean square of the true payoff differences in the training log, the unit of tolls.
    """

    experiment: Experiment
    seed: int
    train: di.TrajectoryDataset | di.PopulationDataset
    test: di.TrajectoryDataset | di.PopulationDataset
    truth: diml_envs.Mechanism
    truth_score: float
    interaction: float
    pressed: int
    toll: float

    @property
    def rule(self) -> Rule:
        """The agents' rule."""
        return self.experiment.rule


def trial(experiment: Experiment, seed: int) -> Trial:
    """Draw the game and the log of a seed."""
    game, plays = experiment.game(seed), experiment.plays or experiment.rule.plays()
    length = {"episodes": experiment.episodes, "horizon": experiment.horizon, "seed": seed, "progress": False}
    if experiment.counted:
        log = diml_envs.simulate_population(game, plays, **length)
        data = di.PopulationDataset.from_arrays(log.counts, experiment.actions)
        told = di.PopulationDataset.from_arrays(
            log.counts, experiment.actions, probabilities=log.probabilities
        )
    else:
        log = diml_envs.simulate(game, plays, **length)
        data = di.TrajectoryDataset.from_arrays(log.actions, log.num_actions)
        told = di.TrajectoryDataset.from_arrays(log.actions, log.num_actions, probabilities=log.probabilities)
    train, test = data.split(0.2, seed=seed)
    _, seen = told.split(0.2, seed=seed)
    assert seen.probabilities is not None  # just recorded
    taken = _taken(test)
    logs = torch.where(taken > 0, seen.probabilities.double().clamp(min=1e-300).log(), 0.0)
    recovery = di.metrics.payoff_difference_r2(game, game, train)
    return Trial(
        experiment=experiment,
        seed=seed,
        train=train,
        test=test,
        truth=game,
        truth_score=float((taken * logs).sum() / taken.sum()),
        interaction=di.metrics.interaction_share(game, train),
        pressed=int(_taken(train).sum((0, 1, 2)).argmax()),
        toll=recovery.zero_predictor**0.5,
    )


def _taken(data: di.TrajectoryDataset | di.PopulationDataset) -> torch.Tensor:
    """How many took each action, [E, T, n, A]."""
    if isinstance(data, di.PopulationDataset):
        return data.counts
    return torch.nn.functional.one_hot(data.actions, data.max_actions).double()


@dataclass(frozen=True, eq=False, init=False)
class BentCrowd(AnonymousMechanism):
    """A crowd in which others matter by a law that no family of the menu for crowds holds.

        u(a, c) = (h(a) + g tanh(2 z(a, c))) / (2 sqrt 2)

    with h(a) and z(a, c) what an `Anonymous` game of this seed and of scale 1 pays where others matter not
    at all, and where nothing else does; g makes the mean square of the second term 1 over shares drawn
    uniformly from the simplex. The bend makes payoffs no sum over what the others do.

    Args:
        num_agents: number of agents.
        num_actions: number of actions of each.
        seed: of both parts.
    """

    num_actions: tuple[int, ...]
    seed: int
    _parts: tuple[diml_envs.Mechanism, diml_envs.Mechanism] = field(repr=False)
    _gain: float = field(repr=False)

    def __init__(self, num_agents: int, num_actions: int, *, seed: int = 0):
        alone, cyclic = (
            diml_envs.Anonymous(num_agents, num_actions, interaction_share=share, scale=1.0, seed=seed)
            for share in (0.0, 1.0)
        )
        rng = np.random.default_rng(seed)
        counts = rng.multinomial(num_agents, rng.dirichlet(np.ones(num_actions), 500))
        bent = np.tanh(2 * cyclic.count_payoffs(counts))
        self._assign(
            num_actions=(num_actions,) * num_agents,
            seed=seed,
            _parts=(alone, cyclic),
            _gain=float((bent**2).mean() ** -0.5),
        )

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return float64 [..., A, A]: what a would earn whoever takes b now, from counts int [..., A]."""
        alone, cyclic = (part.count_payoffs(counts) for part in self._parts)
        return (alone + self._gain * np.tanh(2 * cyclic)) / np.sqrt(8)


@dataclass(frozen=True, eq=False, init=False)
class PaperCrowd(AnonymousMechanism):
    """The paper's own large game: an embedded own action and the opponents' shares, two ReLU layers of 256.

    Default weights of PyTorch. Nearly all of its payoff differences come from the own action.

    Args:
        num_agents: number of agents.
        num_actions: number of actions of each.
        seed: seed of all weights.
    """

    num_actions: tuple[int, ...]
    seed: int
    _own: NDArray[np.float64] = field(repr=False)  # [A, 256]: what the own action adds to the first layer
    _others: NDArray[np.float64] = field(repr=False)  # [A, 256]: what a share of 1 adds
    _layers: tuple = field(repr=False)

    def __init__(self, num_agents: int, num_actions: int, *, seed: int = 0):
        rng = np.random.default_rng(seed)
        embedding = crowd_embedding(num_actions)
        table = rng.standard_normal((num_actions, embedding))
        weights, bias = torch_linear(rng, embedding + num_actions, 256)
        self._assign(
            num_actions=(num_actions,) * num_agents,
            seed=seed,
            _own=table @ weights[:embedding] + bias,
            _others=weights[embedding:],
            _layers=(torch_linear(rng, 256, 256), torch_linear(rng, 256, 1)),
        )

    def count_payoffs(
        self, counts: NDArray[np.integer], context: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Return float64 [..., A, A]: what a would earn whoever takes b now, from counts int [..., A]."""
        flat = counts.reshape(-1, counts.shape[-1])
        found = np.zeros((*flat.shape, flat.shape[-1]))
        row, taken = np.nonzero(flat)
        others = flat[row].astype(np.float64)
        others[np.arange(len(row)), taken] -= 1
        for part in np.array_split(np.arange(len(row)), max(1, len(row) // 500)):
            found[row[part], taken[part]] = self.facing(others[part])
        return found.reshape(*counts.shape, -1)

    def facing(self, others: NDArray[np.number]) -> NDArray[np.float64]:
        """Payoffs [R, A] of all own actions against opponents' counts [R, A]."""
        (weights, bias), (last, offset) = self._layers
        shares = others / max(1, self.num_agents - 1)
        hidden = np.maximum((shares @ self._others)[:, None] + self._own, 0)  # [R, A, 256]
        return np.maximum(hidden @ weights + bias, 0) @ last[:, 0] + offset[0]


def crowd_embedding(actions: int) -> int:
    """Length of an action's embedding in the paper's large game."""
    return min(32, max(12, actions))
