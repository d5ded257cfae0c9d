"""The cells of the coverage benchmark: a game, learners, a model, how many episodes; and one log of each."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

import diml_envs
import diml_inverse as di
from diml_inverse.marginal.evidence import maximise_evidence
from diml_inverse.maximise import maximise
from diml_inverse.sample import Sample
from diml_inverse.uncertainty.covariance import covariance_from
from diml_inverse.uncertainty.estimating_equation import EstimatingEquation
from diml_inverse.uncertainty.intervals import jacobian

SETTINGS = di.LBFGS(max_steps=400, gain=1e-3)
KINDS = ("sandwich", "hessian", "jackknife")
ONE_STEP = "one step"
FITS = {"default fit": None, "cross-validation": "cross-validation"}
"""How `di.fit` is asked to choose the shrinkage."""
STEP_SIZE, EXPLORATION, BETA = 0.3, 0.2, 4.0
HORIZON = 25


def _table() -> np.ndarray:
    """Payoffs of two agents with three actions: in each situation 0, 0.4 and 1.2 in random order.

    Differences are large enough for exploration to be told apart from indifference, and small enough that no
    action is all but certain, where the likelihood is flat on one side and no normal interval fits.
    """
    random, payoffs = np.random.default_rng(2), np.zeros((3, 3, 2))
    for other in range(3):
        payoffs[:, other, 0] = random.permutation((0.0, 0.4, 1.2))
        payoffs[other, :, 1] = random.permutation((0.0, 0.4, 1.2))
    return payoffs


TABLE = diml_envs.MatrixGame(_table())
CONGESTION = diml_envs.Congestion(
    3, 3, linear=np.array([0.3, 0.6, 0.9]), quadratic=np.array([0.3, 0.15, 0.05]), toll=np.zeros(3)
)


def _drawn(seed: int) -> diml_envs.MatrixGame:
    """Three agents with three actions, drawn from the prior that a shrunk table stands for.

    Main effects of own actions and interactions have one variance. Intervals behind shrinkage are to cover on
    average over such games: no single one is missed equally often in all its cells.
    """
    random = np.random.default_rng(seed)
    payoffs = 0.3 * random.normal(size=(3, 3, 3, 3))
    for agent in range(3):
        effect = 0.3 * random.normal(size=3)
        payoffs[..., agent] += np.moveaxis(effect.reshape(3, 1, 1), 0, agent)
    return diml_envs.MatrixGame(payoffs)


@dataclass(frozen=True)
class Cell:
    """One row of the table.

    Attributes:
        family: "structured", "table" (ridge-free), "evidence" (a table shrunk by marginal likelihood,
            in games drawn from its prior), "evidence, one game", "network", or what `di.fit` makes of a table
            in games drawn from its prior: "default fit" and, on the same logs, "cross-validation".
        rule: "LogitQ" (full information) or "BanditQ".
        learner: "known" or "free": step size and exploration are given, or estimated too.
        episodes: E.
    """

    family: str
    rule: str
    learner: str
    episodes: int

    @property
    def name(self) -> str:
        """As it stands in the rows."""
        return f"{self.family} {self.rule} {self.learner} {self.episodes}"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Covariances that are compared."""
        if self.family == "network":
            return (ONE_STEP,)
        if self.family in FITS:
            return ("posterior",)
        return ("posterior", *KINDS, ONE_STEP) if self.family.startswith("evidence") else KINDS

    def game(self, seed: int = 0) -> Any:
        """The true mechanism; of shrunk tables another in each replication."""
        if self.family in ("evidence", *FITS):
            return _drawn(seed)
        return CONGESTION if self.family == "structured" else TABLE

    def model(self) -> di.LearningDynamics:
        """The model at its default start, which is not the truth."""
        sizes, free = self.game().num_actions, self.learner == "free"
        kind: Callable[[float], Any] = di.Bounded if free else di.Fixed
        starts = (0.5, 0.1) if free else (STEP_SIZE, EXPLORATION)
        rule = getattr(di.learners, self.rule)(
            sizes,
            step_size=kind(starts[0]),
            inverse_temperature=di.Fixed(BETA),
            exploration=kind(starts[1]),
        )
        if self.family == "structured":
            mechanism = di.mechanisms.Congestion(sizes)
        elif self.family == "network":
            mechanism = di.mechanisms.NeuralJoint(sizes, width=16, ridge=1.0)
        else:
            mechanism = di.mechanisms.TabularJoint(sizes, ridge=1e-5 if self.family == "table" else None)
        return di.LearningDynamics(mechanism, rule).double()


GRID = [
    Cell(family, rule, learner, episodes)
    for family in ("structured", "table")
    for rule in ("LogitQ", "BanditQ")
    for learner in ("known", "free")
    for episodes in (50, 200)
]
SHRUNK = [
    Cell("evidence", rule, "known", episodes) for rule in ("LogitQ", "BanditQ") for episodes in (50, 200)
]
BIASED = [
    Cell(family, rule, "known", episodes)
    for family in ("evidence, one game", "network")
    for rule in ("LogitQ", "BanditQ")
    for episodes in (50, 200)
]
FITTED = [
    Cell(family, rule, learner, episodes)
    for family in FITS
    for rule in ("LogitQ", "BanditQ")
    for learner, episodes in (("known", 8), ("free", 8), ("known", 50))
]
CELLS = {cell.name: cell for cell in GRID + SHRUNK + BIASED + FITTED}


def profiles(cell: Cell) -> np.ndarray:
    """Joint actions that put each agent (one of them, where all are alike) into each situation once."""
    sizes = cell.game().num_actions
    return np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), -1).reshape(-1, len(sizes))


def contrasts(cell: Cell, deviations: Any) -> Any:
    """Own-action differences u(a, c) - u(0, c), each once: deviation payoffs [J, n, A] to a vector."""
    joint, found = profiles(cell), []
    for agent in range(1 if cell.family == "structured" else len(cell.game().num_actions)):
        others = np.delete(joint, agent, 1)
        keys = np.sort(others, 1) if cell.family == "structured" else others
        _, first = np.unique(keys, axis=0, return_index=True)
        table = deviations[first, agent]
        found.append((table[:, 1:] - table[:, :1]).reshape(-1))
    return torch.cat(found) if isinstance(found[0], torch.Tensor) else np.concatenate(found)


def replicate(cell: Cell, seed: int) -> dict[str, Any]:
    """One log: which intervals cover, how far estimates are from the truth, and the Cramer-Rao bound."""
    torch.set_num_threads(1)
    rule = getattr(diml_envs, cell.rule)(STEP_SIZE, BETA, EXPLORATION)
    game = cell.game(seed)
    log = diml_envs.simulate(
        game, rule, episodes=cell.episodes, horizon=HORIZON, seed=_seed(cell, seed), progress=False
    )
    data = di.TrajectoryDataset.from_arrays(log.actions, log.num_actions)
    model, status = _fitted(cell, data)
    joint = torch.from_numpy(profiles(cell))
    truth = contrasts(cell, game.deviation_payoffs(profiles(cell)))
    free = cell.learner == "free"
    truth = np.concatenate([truth, [_logit(STEP_SIZE), _logit(EXPLORATION)]]) if free else truth

    def numbers(model: di.LearningDynamics) -> torch.Tensor:
        payoffs = contrasts(cell, model.mechanism.deviation_payoffs(joint))
        own = [p.reshape(1) for p in model.learner.parameters() if p.requires_grad]
        return torch.cat([payoffs, *own])

    record: dict[str, Any] = {"cell": cell.name, "seed": seed, "status": status, "truth": truth.tolist()}
    equation = None if cell.kinds == (ONE_STEP,) else EstimatingEquation.of(data, model)
    for kind in cell.kinds:
        try:
            if kind == ONE_STEP:
                found = di.covariance(data, di.one_step(data, model), "sandwich").of(numbers)
            else:
                found = covariance_from(cast(EstimatingEquation, equation), kind).of(numbers)
        except (ValueError, RuntimeError) as error:
            record[kind] = str(error)[:80]
            continue
        low, high = found.low.numpy(), found.high.numpy()
        record[kind] = {"below": (truth < low).tolist(), "above": (truth > high).tolist(),
                        "missing": (~found.identified).tolist()}  # fmt: skip
        record.setdefault("error", (found.value.numpy() - truth).tolist())
    if cell.family == "structured":
        record["bound"] = _bound(cell, data, numbers)
    return record


def _fitted(cell: Cell, data: di.TrajectoryDataset) -> tuple[di.LearningDynamics, str]:
    """The model at its estimate, and how the search for it ended."""
    model = cell.model()
    if cell.family == "network":
        result = di.fit(data, model.mechanism, model.learner, progress=False)
        return di.LearningDynamics(result.mechanism, result.learner).double(), result.status.name
    if cell.family in FITS:
        shrinkage = FITS[cell.family]
        result = di.fit(data, model.mechanism, model.learner, shrinkage=shrinkage, progress=False)
        return di.LearningDynamics(result.mechanism, result.learner).double(), result.status.name
    sample = Sample.of(data, model)
    if cell.family.startswith("evidence"):
        return model, "CONVERGED" if maximise_evidence(model, sample).converged else "BUDGET"
    return model, maximise(model, sample, SETTINGS).status.name


def _bound(cell: Cell, data: di.TrajectoryDataset, numbers: Any) -> list[float]:
    """Cramer-Rao bound on the variance of each number: the inverse expected information at the truth."""
    model, game = cell.model(), cell.game()
    mechanism, learner = cast(Any, model.mechanism), cast(Any, model.learner)
    with torch.no_grad():
        mechanism.linear.copy_(torch.tensor(game.linear - game.toll))
        mechanism.quadratic.copy_(torch.tensor(game.quadratic))
        if cell.learner == "free":
            learner.step_size.raw.fill_(_logit(STEP_SIZE))
            learner.exploration.raw.fill_(_logit(EXPLORATION))
    equation = EstimatingEquation.of(data, model)
    rows = jacobian(equation.model, numbers)[1] @ equation.basis
    return (rows * torch.linalg.solve(equation.expected, rows.T).T).sum(1).tolist()


def _logit(share: float) -> float:
    return math.log(share / (1 - share))


def _seed(cell: Cell, seed: int) -> int:
    paired = cell.name.replace("cross-validation", "default fit")  # on the same logs
    return seed * 1000 + list(CELLS).index(paired)
