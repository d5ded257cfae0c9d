"""Joins a mechanism and a learner rule into a likelihood of a log; the only place where the two meet."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diml_inverse.episodes import EpisodeDataset
from diml_inverse.learners.base import LearnerRule
from diml_inverse.mechanisms.base import Contexts, Mechanism
from diml_inverse.parameters import INITIAL
from diml_inverse.population import PopulationDataset
from diml_inverse.situations import contexts_of


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
        agents, width = learner.mask.shape
        for name, parameter in learner.learner_parameters().items():
            shape = tuple(parameter().shape)
            allowed, also = {(), (1, 1), (agents, 1)}, ""
            if name.split(".")[-1] == INITIAL:
                allowed.add((agents, width))
                also = f", or one for each of {width} own actions of each"
            if shape not in allowed:
                raise ValueError(
                    f"{name}: expected one value, or one for each of {agents} agents{also}; found "
                    f"{' x '.join(map(str, shape))} values; give a single number or as many numbers as "
                    f"there are agents{' (or a list for each)' if also else ''}"
                )
        self.mechanism, self.learner = mechanism, learner

    def contexts(self, dataset: EpisodeDataset) -> Contexts:
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
        self._require_readable(dataset)
        return contexts_of(self.mechanism, dataset)

    def _require_readable(self, dataset: EpisodeDataset) -> None:
        """Refuse rules that read what the log does not say."""
        rule = self.learner
        if dataset.available is not None and rule.reads_policy:
            raise ValueError(
                "available: expected a log in which every action is always open, since the learner's updates "
                f"read its choice probabilities over all own actions; found {type(rule).__name__} and a log "
                "that says which actions were open; use a rule that reads payoffs alone (BanditQ, Hedge), or "
                "leave the column out (dataclasses.replace(data, available=None)) if nothing was ever closed"
            )
        if isinstance(dataset, PopulationDataset) and (rule.reads_action or rule.reads_others):
            raise TypeError(
                f"expected a rule that learns from the payoffs of all actions alone, since a population log "
                f"does not say who took which action; found {type(rule).__name__}, under which every member "
                "would hold another state; use a rule such as LogitQ, Hedge or FictitiousPlay"
            )
        if dataset.present is not None and rule.reads_others:
            raise TypeError(
                "expected a rule that does not read the others' actions, since some agents are absent from "
                f"episodes of this log; found {type(rule).__name__}; use another rule, or drop those episodes"
            )
        for column, remedy in rule.reads_columns.items():
            if dataset.present is not None and getattr(dataset, column) is not None:
                episode, agent = (int(x) for x in (~dataset.present).nonzero()[0])
                raise ValueError(
                    f"{column}: expected a value of every agent at every step, which {type(rule).__name__} "
                    f"reads; found agents who have none, absent from whole episodes (agent {agent} from "
                    f"episode {episode}, counted from 0); {remedy}, or drop those episodes"
                )

    def log_policies(
        self, dataset: EpisodeDataset, contexts: Contexts | None = None
    ) -> Float[Tensor, "E T n A"]:
        """Log choice probabilities of every agent at every step, given the log up to that step.

        Args:
            dataset: the log.
            contexts: its distinct situations, if computed before.
        """
        payoffs = self._payoffs(dataset, contexts)
        states = self.learner.replay(dataset.actions, payoffs, dataset.update, dataset.probabilities)
        return self.learner.log_policy(states, dataset.available)

    def log_likelihood(
        self, dataset: EpisodeDataset, contexts: Contexts | None = None
    ) -> Float[Tensor, " E"]:
        """Log-likelihood of each episode: sum over steps, agents and actions of w[t,i,a] log pi[t,i,a].

        The data set owns w: 1 at the action taken, the number of members who took it, or the learners' own
        probabilities.

        Memory with a gradient grows linearly with the log: for linear rules, however long an
        episode, 50 to 90 bytes per agent, step and own action in float64 (half of that in float32). Finding
        the situations of an anonymous mechanism takes about 20 bytes of the same, once, before.
        """
        return self.likelihood_given(self._payoffs(dataset, contexts), dataset)

    def likelihood_given(
        self, payoffs: Float[Tensor, "E T n A"], dataset: EpisodeDataset
    ) -> Float[Tensor, " E"]:
        """The same, given the deviation payoffs."""
        rule, weights = self.learner, dataset.choice_weights()
        if weights is None and dataset.present is None:
            return rule.log_likelihood(
                dataset.actions,
                payoffs,
                dataset.mask,
                dataset.update,
                dataset.available,
                dataset.probabilities,
            )
        states = rule.replay(dataset.actions, payoffs, dataset.update, dataset.probabilities)
        if weights is None:
            terms = rule.log_choice(states, dataset.actions, dataset.available)
        else:
            terms = (weights * rule.log_policy(states, dataset.available)).sum(-1)
        return torch.where(dataset.observed(), terms, 0.0).sum((1, 2))

    def _payoffs(self, dataset: EpisodeDataset, contexts: Contexts | None) -> Float[Tensor, "E T n A"]:
        """Deviation payoffs at every step, each distinct situation evaluated once."""
        contexts = self.contexts(dataset) if contexts is None else contexts
        return contexts.look_up(self.mechanism.payoff_table(contexts))

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
