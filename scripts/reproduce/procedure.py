"""The paper's own estimators, trained by its own procedure, as mechanisms that our scores can read."""

import copy
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from games import Trial, crowd_embedding
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

import diml_inverse as di
from diml_inverse.mechanisms.joint import JointMechanism

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))  # where speed is compared with the same code
import paper_procedure as paper  # noqa: E402  # pyright: ignore[reportMissingImports]


@dataclass(frozen=True)
class Look:
    """The model at the end of an epoch: kept while training, scored when all of it is over."""

    epoch: int
    seconds: float
    state: dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model, its path, and the seconds of the paper's loop."""

    mechanism: di.Mechanism
    seconds: float
    looks: tuple[Look, ...]

    def at(self, look: Look) -> di.Mechanism:
        """The mechanism as it was then."""
        then = copy.deepcopy(self.mechanism)
        then.load_state_dict(look.state)
        return then


class JointModel(JointMechanism):
    """One of the paper's models of joint actions."""

    def __init__(self, num_actions: tuple[int, ...], model: nn.Module):
        super().__init__(num_actions)
        self.model = model

    def joint_payoffs(
        self, actions: Int[Tensor, "R n"], context: Float[Tensor, "R d"] | None = None
    ) -> Float[Tensor, "R n"]:
        """The model's."""
        return self.model(actions)


class CrowdModel(di.mechanisms.AnonymousMechanism):
    """The paper's model of large games: one row of its network per own action."""

    symmetric = True

    def __init__(self, num_actions: tuple[int, ...], model: paper.AnonymousNetwork):
        super().__init__(num_actions)
        self.model = model

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The network at every own action."""
        width = statistic.shape[1]
        own = self.model.embedding.weight.repeat(len(statistic), 1)
        shares = (statistic.to(own.dtype) / self.model.others).repeat_interleave(width, 0)
        return self.model.network(torch.cat([own, shares], dim=1)).view(-1, width)


class Table(nn.Module):
    """The paper's tabular estimate: a number per joint action and agent, zero at first."""

    def __init__(self, agents: int, actions: int):
        super().__init__()
        self.values = nn.Parameter(torch.zeros(actions**agents, agents))
        self.place = actions ** torch.arange(agents)

    def forward(self, actions: Tensor) -> Tensor:
        """Payoffs [B, n] of joint actions [B, n]."""
        return self.values[(actions * self.place).sum(1)]


def small(trial: Trial, model: Callable[[int, int], nn.Module], *, epochs: int, every: int = 0) -> Trained:
    """One of the small experiments: batches of 32 episodes, crops of 50 steps, a loop over time.

    Args:
        trial: the log.
        model: from numbers of agents and actions.
        epochs: passes over the training episodes; 2 Adam steps each at the paper's 48.
        every: epochs between looks; 0 for none.
    """
    experiment = trial.experiment
    network, looks, watch = _begin(trial, model, every)
    seconds = paper.train(
        network,
        paper.Rule(*vars(trial.rule).values()),
        trial.train.actions,
        experiment.actions,
        epochs=epochs,
        seed=trial.seed,
        watch=watch,
        clock=time.process_time,
    )
    return _finish(JointModel(experiment.sizes, network), seconds, looks)


def crowd(trial: Trial, *, epochs: int, every: int = 0, device: str = "cpu") -> Trained:
    """One of the large experiments: batches of 8 episodes, no crops (episodes have at most 30 steps).

    The paper's loop calls its network once per agent and step, which takes hours. Its gradient is taken
    here from our likelihood, which is the same function of the same network (a test shows the difference:
    1e-6); the seconds are those of this, fewer than the loop's.
    """
    experiment, rule = trial.experiment, paper.Rule(*vars(trial.rule).values())
    network, looks, watch = _begin(trial, _anonymous, every)
    mechanism = CrowdModel(experiment.sizes, network).float()
    model = di.LearningDynamics(mechanism, trial.rule.known(experiment.sizes)).float().to(device)

    def likelihood(batch: Tensor) -> Tensor:
        data = di.TrajectoryDataset.from_arrays(batch.cpu().numpy(), experiment.actions)
        return model.log_likelihood(data.to(device)).sum()

    network.to(device)
    seconds = paper.train(
        network, rule, trial.train.actions, experiment.actions, epochs=epochs, seed=trial.seed, size=8,
        likelihood=likelihood, watch=watch, clock=time.process_time,
    )  # fmt: skip
    return _finish(mechanism.to("cpu"), seconds, looks)


def _anonymous(agents: int, actions: int) -> nn.Module:
    return paper.AnonymousNetwork(agents, actions, embedding=crowd_embedding(actions))


def _begin(
    trial: Trial, model: Callable[[int, int], nn.Module], every: int
) -> tuple[nn.Module, list[Look], Callable[[int, float], None]]:
    """A model with the seed's random start, and what keeps it as it goes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(trial.seed)
        network = model(trial.experiment.agents, trial.experiment.actions)
    looks: list[Look] = []

    def watch(epoch: int, seconds: float) -> None:
        if every and (epoch == 1 or epoch % every == 0):
            state = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
            looks.append(Look(epoch, seconds, state))

    return network, looks, watch


def _finish(mechanism: di.Mechanism, seconds: float, looks: list[Look]) -> Trained:
    looks = [Look(k.epoch, k.seconds, {f"model.{n}": v for n, v in k.state.items()}) for k in looks]
    for parameter in mechanism.parameters():
        parameter.requires_grad_(False)
    return Trained(mechanism.double(), seconds, tuple(looks))
