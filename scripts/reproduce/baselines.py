"""What has to be beaten: predicting nothing, stationary play, best responses to last time, cloning."""

import time

import torch
from families import fitted_family
from games import Trial
from jaxtyping import Float, Int, Num
from measures import Estimate, Setting, knowing
from torch import Tensor

import diml_inverse as di
from diml_inverse.learners.base import SoftmaxRule
from diml_inverse.maximise import maximise
from diml_inverse.sample import Sample

MEMORIES, RIDGES = (0, 1, 5), (1.0, 10.0, 100.0)
"""Steps remembered and shrinkage that behaviour cloning may choose from; the paper remembers 5."""


class Own(di.Mechanism):
    """Payoffs of own actions alone, whatever the others do: values [n, A], or [A] for all agents."""

    values: Float[Tensor, "g A"]

    def __init__(self, num_actions: tuple[int, ...], values: Float[Tensor, "*n A"]):
        super().__init__(num_actions)
        self.symmetric = values.ndim == 1
        self.register_buffer("values", values.reshape(-1, values.shape[-1]))

    def statistic(self, actions: Int[Tensor, "*b n"]) -> Int[Tensor, "*b n 1"]:
        """Nothing."""
        return torch.zeros_like(actions).unsqueeze(-1)

    def count_statistic(self, others: Int[Tensor, "N R A"]) -> Int[Tensor, "N 1"]:
        """Nothing."""
        return others.new_zeros(len(others), 1)

    def own_payoffs(
        self, agent: Int[Tensor, " U"], statistic: Num[Tensor, "U F"], context: Tensor | None = None
    ) -> Float[Tensor, "U A"]:
        """The agent's values."""
        return self.values[self.group_of(agent)]


class Stationary(SoftmaxRule):
    """Play that never learns: softmax(inverse_temperature * (values - toll)), mixed with exploration."""

    reads_action = False
    utilities: Float[Tensor, "n A"]

    def __init__(
        self,
        num_actions: tuple[int, ...],
        values: Float[Tensor, "n A"],
        *,
        inverse_temperature: float,
        exploration: float,
        toll: Tensor | None = None,
    ):
        super().__init__(num_actions)
        values = values if toll is None else values - toll
        self.register_buffer("utilities", inverse_temperature * values)
        self.exploration = di.Fixed(exploration)

    def initial_state(self, episodes: int) -> Float[Tensor, "E n A"]:
        """What it stays at."""
        return self.utilities.expand(episodes, *self.mask.shape)

    def logits(self, state: Tensor) -> Float[Tensor, "*b n A"]:
        """The state itself."""
        return state

    def update(self, state: Tensor, actions: Tensor, payoffs: Tensor) -> Tensor:
        """None."""
        return state

    def replay(
        self,
        actions: Tensor,
        payoffs: Tensor,
        update: Tensor | None = None,
        probabilities: Tensor | None = None,
    ) -> Tensor:
        """All steps at once."""
        return self.utilities.expand(payoffs.shape)


def zero(trial: Trial) -> Estimate:
    """No payoff differences; learners who have nothing to learn."""
    sizes = trial.experiment.sizes
    values = torch.zeros(trial.experiment.actions, dtype=torch.float64)
    return Estimate(Own(sizes, values), knowing(trial.rule, sizes), 0.0, 0)


def stationary(trial: Trial) -> Estimate:
    """Logit quantal response equilibrium: one constant mixed policy, from its likelihood.

    In equilibrium p_i = (1 - e) softmax(b v_i) + e / A with v_i(a) the mean of u_i(a, .) under the others' p.
    The likelihood of a constant policy depends on payoffs through v alone, n (A - 1) numbers, whatever the
    game: it is highest where p are the observed frequencies, so that v = log((p - e / A) / (1 - e)) / b.
    Among the payoffs with these means those with least interaction, u_i(a, .) = v_i(a), are the estimate;
    what depends on the others a stationary policy cannot show. Crowds, whose agents are alike, share one v.
    """
    started = time.process_time()
    data, experiment, rule = trial.train, trial.experiment, trial.rule
    if isinstance(data, di.PopulationDataset):
        taken = data.counts.sum((0, 1))
    else:
        taken = torch.stack(
            [row.bincount(minlength=experiment.actions) for row in data.actions.flatten(0, 1).T]
        )
    if experiment.crowd:
        taken = taken.sum(0, keepdim=True)
    shares = taken.double() / taken.sum(-1, keepdim=True)
    least = 1 / taken.sum(-1, keepdim=True)  # an action taken less than exploration alone would
    greedy = (shares - rule.exploration / experiment.actions).maximum(least)
    values = greedy.log() / rule.inverse_temperature
    values = values - values.mean(-1, keepdim=True)
    everybody = values.expand(len(experiment.sizes), -1).contiguous()

    def behaviour(setting: Setting) -> di.LearnerRule:
        now = rule.scaled(*setting.factors)
        return Stationary(
            experiment.sizes, everybody, inverse_temperature=now.inverse_temperature,
            exploration=now.exploration, toll=setting.toll,
        )  # fmt: skip

    mechanism = Own(experiment.sizes, values[0] if experiment.crowd else values)
    parameters = values.numel() - len(values)
    return Estimate(mechanism, behaviour, time.process_time() - started, parameters)


def cloning(trial: Trial) -> Estimate:
    """Joint behaviour cloning: logits linear in who took what at each of the last k steps.

    k and the ridge are those that predict the last fifth of the training episodes best. It knows no payoffs:
    shifted learners and tolls leave its prediction as it is.
    """
    started = time.process_time()
    data, sizes = trial.train, trial.experiment.sizes
    nothing = zero(trial).mechanism
    fit_to, validation = data.split(0.2, seed=trial.seed)
    counted = isinstance(data, di.PopulationDataset)
    width = sum(sizes)
    memories = [k for k in MEMORIES if k * width**2 <= 50_000 and not (counted and k)]
    scores = {}
    for memory in memories:
        for ridge in RIDGES:
            model = _cloned(fit_to, nothing, di.learners.MemoryK(sizes, memory=memory, ridge=ridge))
            scores[memory, ridge] = di.metrics.log_likelihood_per_choice(model, validation)
    memory, ridge = max(scores, key=lambda key: scores[key])
    model = _cloned(data, nothing, di.learners.MemoryK(sizes, memory=memory, ridge=ridge))
    seconds = time.process_time() - started
    parameters = sum(p.numel() for p in model.learner.parameters())
    note = f"memory {memory}, ridge {ridge:g}"
    return Estimate(nothing, lambda setting: model.learner, seconds, parameters, note=note)


def _cloned(data, nothing: di.Mechanism, learner: di.LearnerRule) -> di.LearningDynamics:  # noqa: ANN001
    model = di.LearningDynamics(nothing, learner).double()
    maximise(model, Sample.of(data, model), di.LBFGS(max_steps=100, tolerance=1e-5))
    return model


def static(trial: Trial, steps: int) -> Estimate:
    """Static logit: agents who answer what the others did last, with noise; payoffs as a table or network."""
    sizes = trial.experiment.sizes

    def behaviour(setting: Setting) -> di.LearnerRule:
        now = trial.rule.scaled(*setting.factors)
        return di.learners.StaticLogit(
            sizes,
            inverse_temperature=di.Fixed(now.inverse_temperature),
            exploration=di.Fixed(now.exploration),
        )

    family = di.mechanisms.NeuralAnonymous if trial.experiment.crowd else di.mechanisms.TabularJoint
    return fitted_family(trial, family(sizes), behaviour, steps)
