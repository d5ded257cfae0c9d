"""E1, E2 and E3 of the speed table: a gradient step, time to a held-out likelihood, structured fits."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import paper_procedure as paper
import torch
from comparisons import Row, learner, played, row, step_of
from machine import in_turn, matrix_product_rate, network_shapes, seconds

import diml_envs
import diml_inverse as di
from diml_inverse.marginal.evidence import maximise_evidence
from diml_inverse.maximise import maximise
from diml_inverse.sample import Sample


@dataclass(frozen=True)
class Experiment:
    """One of the paper's experiments, 80 / 20 by episode."""

    name: str
    game: diml_envs.Mechanism
    agents: int
    actions: int
    model: Callable[[int, int], torch.nn.Module]
    table: Callable[[tuple[int, ...]], di.Mechanism]
    structured: Callable[[int, int], torch.nn.Module] | None = None
    structure: Callable[[tuple[int, ...]], di.Mechanism] | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of actions of each agent."""
        return (self.actions,) * self.agents


EXPERIMENTS = (
    Experiment("E1", diml_envs.NeuralJoint(3, 6, seed=0), 3, 6, paper.JointNetwork, di.mechanisms.Factorial),
    Experiment(
        "E2",
        diml_envs.Congestion(4, 5, seed=0),
        4,
        5,
        paper.JointNetwork,
        di.mechanisms.AnonymousFactorial,
        paper.CongestionModel,
        di.mechanisms.Congestion,
    ),
    Experiment(
        "E3",
        diml_envs.PublicGoods(3, 7, seed=0),
        3,
        7,
        paper.JointNetwork,
        di.mechanisms.AnonymousFactorial,
        paper.PublicGoodsModel,
        di.mechanisms.PublicGoods,
    ),
)
RULE = paper.Rule(0.25, 3.0, 0.06)


def gradient_step(experiment: Experiment, device: str, rounds: int) -> Row:
    """32 episodes x 50 steps, the same network with the same parameters on both sides."""
    data = played(experiment.game, RULE, 32, 50).to(device)
    mechanism = di.mechanisms.NeuralJoint(experiment.sizes)
    model = di.LearningDynamics(mechanism, learner(RULE, experiment.sizes)).to(device, torch.float32)
    contexts = model.contexts(data)
    deviations = paper.joint_deviations(mechanism.joint_payoffs, experiment.actions)
    ours = step_of(model, lambda: model.log_likelihood(data, contexts).sum())
    theirs = step_of(model, lambda: paper.log_likelihood(deviations, RULE, data.actions, experiment.actions))
    gap = abs(ours() / theirs() - 1)
    our_time, their_time = in_turn([ours, theirs], [11, 1], rounds, device)
    rows = len(mechanism._joint_actions(contexts.agent, contexts.statistic, contexts.context)[0])
    shapes = network_shapes(rows, (experiment.agents * 6, 128, 128, experiment.agents), True)
    limit = sum(2 * m * k * n for m, k, n in shapes) / our_time
    limit /= matrix_product_rate(shapes, torch.float32, device)
    case = f"{experiment.name} gradient step"
    return row(case, "paper procedure", our_time, their_time, 75, gap=gap, limit=limit)


def time_to_reach(experiment: Experiment, device: str, epochs: int) -> Row:
    """Seconds until a held-out log-likelihood is reached that the paper's procedure has after its epochs.

    Ours is a table of effects (who does what in E1, how many do what in E2 and E3) whose variances the
    training episodes choose by marginal likelihood: from the log to the estimate. Test episodes are looked at
    once, afterwards, on both sides.
    """
    train, test = played(experiment.game, RULE, 60, 60).to(device).split(0.2, seed=0)
    torch.manual_seed(0)
    network = experiment.model(experiment.agents, experiment.actions).to(device)
    their_time = paper.train(network, RULE, train.actions, experiment.actions, epochs=epochs)
    with torch.no_grad():
        deviations = paper.joint_deviations(network, experiment.actions)
        held_out = paper.log_likelihood(deviations, RULE, test.actions, experiment.actions)
    goal = float(held_out) / test.num_choices
    model, times = None, []
    for _ in range(3):
        model = di.LearningDynamics(experiment.table(experiment.sizes), learner(RULE, experiment.sizes))
        model = model.to(device)

        def fit(model: di.LearningDynamics = model) -> None:
            maximise_evidence(model, Sample.of(train, model))

        times.append(seconds(fit, device))
    assert model is not None
    reached = Sample.of(test, model).per_choice(model)
    note = f"held out per choice: ours {reached:.4f}, theirs {goal:.4f}"
    found = row(
        f"{experiment.name} time to reach", f"paper, {epochs} epochs", sorted(times)[1], their_time, 100
    )
    return replace(found, note=note, met=bool(found.met) and reached >= goal)


def structured_fit(experiment: Experiment, device: str, epochs: int) -> Row:
    """A fit to convergence, from the log to the estimate, against the paper's structured training."""
    assert experiment.structured is not None and experiment.structure is not None
    train, test = played(experiment.game, RULE, 60, 60).to(device).split(0.2, seed=0)
    torch.manual_seed(0)
    theirs = experiment.structured(experiment.agents, experiment.actions).to(device)
    their_time = paper.train(theirs, RULE, train.actions, experiment.actions, epochs=epochs)
    with torch.no_grad():
        deviations = paper.joint_deviations(theirs, experiment.actions)
        held_out = paper.log_likelihood(deviations, RULE, test.actions, experiment.actions)
    status, model, times = None, None, []
    for _ in range(3):
        model = di.LearningDynamics(experiment.structure(experiment.sizes), learner(RULE, experiment.sizes))
        model = model.to(device)

        def fit(model: di.LearningDynamics = model) -> None:
            nonlocal status
            status = maximise(model, Sample.of(train, model), di.LBFGS()).status

        times.append(seconds(fit, device))
    assert model is not None and status is not None
    ours = Sample.of(test, model).per_choice(model)
    note = f"{status.name.lower()}; held out per choice: ours {ours:.4f}, "
    note += f"theirs {float(held_out) / test.num_choices:.4f}"
    found = row(
        f"{experiment.name} structured fit", f"paper, {epochs} epochs", sorted(times)[1], their_time, 300
    )
    return replace(found, note=note)
