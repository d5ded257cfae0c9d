"""What do agents do under payoffs and rules that no log showed? Exact choice probabilities, step by step."""

import numpy as np
import torch
from games import Experiment
from jaxtyping import Float
from torch import Tensor

import diml_envs
import diml_inverse as di
from diml_inverse.mechanisms.base import action_mask


class CrowdTruth(di.mechanisms.AnonymousMechanism):
    """A true game of many agents who are alike, for our simulations: read by counts, not by joint actions."""

    symmetric = True
    free_scale = False

    def __init__(self, num_actions: tuple[int, ...], game: diml_envs.Mechanism):
        super().__init__(num_actions)
        self.game = game

    def own_payoffs(self, agent: Tensor, statistic: Tensor, context: Tensor | None = None) -> Tensor:
        """Of all own actions in each situation."""
        others = statistic.long().cpu().numpy()
        facing = getattr(self.game, "facing", None)
        if facing is None:
            everybody = others.copy()
            everybody[:, 0] += 1  # whoever takes action 0 faces all others
            parts = np.array_split(everybody, max(1, len(everybody) // 2_000))
            table = np.concatenate([self.game.count_payoffs(part)[:, 0] for part in parts])
        else:
            parts = np.array_split(others, max(1, len(others) // 500))
            table = np.concatenate([facing(part) for part in parts])
        return torch.as_tensor(table)


def truth_of(experiment: Experiment, game: diml_envs.Mechanism) -> di.Mechanism:
    """The true game as a mechanism of the solver."""
    if experiment.crowd:
        return CrowdTruth(experiment.sizes, game)
    return di.mechanisms.Known(game, experiment.sizes)


@torch.no_grad()
def play(
    mechanism: di.Mechanism,
    learner: di.LearnerRule,
    uniforms: Float[Tensor, "E T n"],
    *,
    toll: Float[Tensor, " A"] | None = None,
    closed: int | None = None,
) -> Float[Tensor, "E T n A"]:
    """Choice probabilities of agents who play, drawing actions by inverse distribution function.

    Without toll and closed action these are the policies of `LearningDynamics.simulate`; two models given
    the same uniforms play with common random numbers.

    Args:
        mechanism: what pays.
        learner: how agents learn.
        uniforms: one number in [0, 1) per episode, step and agent.
        toll: fee per own action, taken off the payoffs.
        closed: an action nobody can take.
    """
    episodes, steps, agents = uniforms.shape
    state, available = learner.initial_state(episodes), _open(learner, closed)
    last, policies = learner.mask.sum(-1) - 1, []
    for t in range(steps):
        policy = _policy(learner, state, available)
        cumulative = policy.cumsum(-1)
        below = uniforms[:, t].unsqueeze(-1) * cumulative[..., -1:] >= cumulative
        action = below.sum(-1).minimum(last)
        payoffs = mechanism.deviation_payoffs(action)
        state = learner.update(state, action, payoffs if toll is None else payoffs - toll)
        policies.append(policy)
    return torch.stack(policies, 1)


@torch.no_grad()
def play_counts(
    mechanism: di.Mechanism | diml_envs.Mechanism,
    learner: di.LearnerRule,
    *,
    members: int,
    episodes: int,
    steps: int,
    seed: int,
    toll: Float[Tensor, " A"] | None = None,
    closed: int | None = None,
) -> Float[Tensor, "E T 1 A"]:
    """The same for a crowd of any size, by its representative agent.

    Counts are drawn from a generator that starts afresh at every step, so that equal policies draw equal
    counts: common random numbers again.
    """
    state, available, policies = learner.initial_state(episodes), _open(learner, closed), []
    nothing = torch.zeros(episodes, 1, dtype=torch.int64)
    for t in range(steps):
        policy = _policy(learner, state, available)
        chances = policy[:, 0].double().numpy()
        drawn = np.random.default_rng((seed, t)).multinomial(
            members, chances / chances.sum(-1, keepdims=True)
        )
        table = _facing(mechanism, drawn)  # [E, A taken, A own]
        payoffs = torch.einsum("eb,eba->ea", torch.as_tensor(drawn / members), table).unsqueeze(1)
        state = learner.update(state, nothing, payoffs if toll is None else payoffs - toll)
        policies.append(policy)
    return torch.stack(policies, 1)


def _facing(mechanism: di.Mechanism | diml_envs.Mechanism, drawn: np.ndarray) -> Tensor:
    """What a member who took b would earn with each own action, [E, A, A]."""
    if isinstance(mechanism, diml_envs.Mechanism):
        return torch.as_tensor(mechanism.count_payoffs(drawn))
    counts = torch.as_tensor(drawn)
    width = counts.shape[-1]
    others = (counts.unsqueeze(-2) - torch.eye(width, dtype=torch.int64)).clamp(min=0)  # nobody took it: 0
    statistic = mechanism.count_statistic(others.view(-1, 1, width))
    agent = torch.zeros(len(statistic), dtype=torch.int64)
    return mechanism.own_payoffs(agent, statistic).double().view(*counts.shape, width)


def _policy(learner: di.LearnerRule, state: Tensor, available: Tensor | None) -> Tensor:
    if available is None:
        return learner.log_policy(state).exp()
    return learner.log_policy(state, available.expand(state.shape[0], *available.shape)).exp()


def _open(learner: di.LearnerRule, closed: int | None) -> Tensor | None:
    """Which actions each agent has left, [n, A]."""
    if closed is None:
        return None
    available = action_mask(learner.num_actions)
    available[:, closed] = False
    return available


def distance(
    ours: Float[Tensor, "E T n A"], theirs: Float[Tensor, "E T n A"], *, alike: bool
) -> tuple[float, float]:
    """How far apart mean play is: total variation and KL(theirs | ours), mean over steps and agents.

    Args:
        ours: choice probabilities of every episode.
        theirs: of the truth.
        alike: agents are interchangeable; means are taken over them too.
    """
    over = (0, 2) if alike else 0
    p, q = theirs.double().mean(over), ours.double().mean(over)
    variation = 0.5 * (p - q).abs().sum(-1).mean()
    ratio = torch.where(p > 0, p.clamp(min=1e-300).log() - q.clamp(min=1e-300).log(), 0.0)
    return float(variation), float((p * ratio).sum(-1).mean())
