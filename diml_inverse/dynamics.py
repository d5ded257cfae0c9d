"""Joins a mechanism and a learner rule into a likelihood of a log; the only place where the two meet."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diml_inverse.data import TrajectoryDataset
from diml_inverse.learners.base import LearnerRule
from diml_inverse.mechanisms.base import Contexts, Mechanism


@dataclass(frozen=True, eq=False)
class Simulation:
    """Play simulated under a model.

    Attributes:
        actions: [E, T, n].
        policies: choice probabilities each action was drawn from, [E, T, n, A].
    """

    actions: Int[Tensor, "E T n"]
    policies: Float[Tensor, "E T n A"]


class LearningDynamics(nn.Module):
    """Agents who learn by `learner` in `mechanism`.

    Timing: see the context of step t, draw a_t from pi_t, earn payoffs at a_t, update. Step 0 counts. The
    log-likelihood of an episode is the sum over steps and agents of log pi_t(a_t), and learners start afresh
    in each episode.

    Args:
        mechanism: payoff model.
        learner: learner rule for the same agents and actions.

    Raises:
        ValueError: if the two disagree about agents or actions, or a learner parameter about the agents.
    """

    def __init__(self, mechanism: Mechanism, learner: LearnerRule):
        super().__init__()
        if mechanism.num_actions != learner.num_actions:
            raise ValueError(
                f"expected a mechanism and a learner for the same agents and actions; found "
                f"{mechanism.num_actions} and {learner.num_actions}; build both from data.num_actions"
            )
        agents = len(learner.num_actions)
        for name, parameter in learner.learner_parameters().items():
            if (values := parameter().numel()) not in (1, agents):
                raise ValueError(
                    f"{name}: expected one value, or one for each of {agents} agents; found {values} values; "
                    "give a single number or as many numbers as there are agents"
                )
        self.mechanism, self.learner = mechanism, learner

    def contexts(self, dataset: TrajectoryDataset) -> Contexts:
        """The log's distinct situations: data alone, worth computing once per data set.

        Raises:
            ValueError: if the log is of other agents or actions.
        """
        if dataset.num_actions != self.mechanism.num_actions:
            raise ValueError(
                f"expected a log of agents with {self.mechanism.num_actions} actions; found "
                f"{dataset.num_actions}; build the mechanism and the learner from data.num_actions"
            )
        if dataset.available is not None and getattr(self.learner, "innovation", None) is not None:
            raise ValueError(
                "innovation: expected a log in which every action is always open; found `available`; leave "
                "the innovation out, it would take closed actions for actions avoided"
            )
        covariates = dataset.context if self.mechanism.context_size else None
        return self.mechanism.contexts(dataset.actions, covariates)

    def log_policies(
        self, dataset: TrajectoryDataset, contexts: Contexts | None = None
    ) -> Float[Tensor, "E T n A"]:
        """Log choice probabilities of every agent at every step, given the log up to that step.

        Args:
            dataset: the log.
            contexts: its distinct situations, if computed before.
        """
        payoffs = self._payoffs(dataset, contexts)
        states = self.learner.replay(dataset.actions, payoffs, dataset.update)
        return self.learner.log_policy(states, dataset.available)

    def log_likelihood(
        self, dataset: TrajectoryDataset, contexts: Contexts | None = None
    ) -> Float[Tensor, " E"]:
        """Log-likelihood of each episode's choices."""
        payoffs = self._payoffs(dataset, contexts)
        return self.learner.log_likelihood(
            dataset.actions, payoffs, dataset.mask, dataset.update, dataset.available
        )

    def _payoffs(self, dataset: TrajectoryDataset, contexts: Contexts | None) -> Float[Tensor, "E T n A"]:
        """Deviation payoffs at every step, each distinct situation evaluated once."""
        contexts = self.contexts(dataset) if contexts is None else contexts
        table = self.mechanism.payoff_table(contexts)
        return torch.nn.functional.embedding(contexts.index, table)

    def penalty(self) -> Float[Tensor, ""]:
        """Minus the log prior density of mechanism and learner, up to a constant."""
        prior = getattr(self.learner, "penalty", None)
        return self.mechanism.penalty() if prior is None else self.mechanism.penalty() + prior()

    @torch.no_grad()
    def simulate(
        self,
        uniforms: Float[Tensor, "E T n"],
        *,
        context: Float[Tensor, "E T d"] | None = None,
    ) -> Simulation:
        """Lets the agents play, drawing each action by inverse distribution function.

        Two models given the same uniforms play with common random numbers; `draw_uniforms` makes them.

        Args:
            uniforms: one number in [0, 1) per episode, step and agent.
            context: public covariates, where the mechanism has some.
        """
        uniforms = uniforms.to(self.learner.mask.device)
        episodes, steps, _ = uniforms.shape
        state = self.learner.initial_state(episodes)
        actions, policies = [], []
        for t in range(steps):
            policy = self.learner.log_policy(state).exp()
            cumulative = policy.cumsum(-1)
            below = uniforms[:, t].unsqueeze(-1) * cumulative[..., -1:] >= cumulative
            action = below.sum(-1).minimum(self.learner.mask.sum(-1) - 1)
            payoffs = self.mechanism.deviation_payoffs(action, None if context is None else context[:, t])
            state = self.learner.update(state, action, payoffs)
            actions.append(action)
            policies.append(policy)
        return Simulation(torch.stack(actions, 1), torch.stack(policies, 1))


def draw_uniforms(episodes: int, horizon: int, num_agents: int, *, seed: int) -> Float[Tensor, "E T n"]:
    """Random numbers for `LearningDynamics.simulate`."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(episodes, horizon, num_agents, generator=generator, dtype=torch.float64)
