"""How sure is an estimate: covariances on what the log identifies, intervals for all that follows."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.identification.null_space import STRAYS, NullSpace
from diml_inverse.uncertainty.estimating_equation import EstimatingEquation, inverse
from diml_inverse.uncertainty.intervals import Estimate, jacobian, learner_estimates
from diml_inverse.uncertainty.payoff_differences import PayoffDifferences, payoff_differences
from diml_inverse.uncertainty.refits import bootstrapped, one_left_out
from diml_inverse.uncertainty.score_matrices import Fitted

KINDS = ("hessian", "opg", "sandwich", "jackknife", "bootstrap", "posterior")

SHRUNK = 0.01
"""Share of what is estimated that a penalty decides from which on a fit counts as penalised."""

Function = Callable[[LearningDynamics], Tensor]
"""Anything differentiable that follows from a model."""


@dataclass(frozen=True, eq=False)
class Covariance:
    """Covariance of the estimated parameters in the directions that the log identifies.

    Attributes:
        model: a copy of the fitted model.
        theta: the estimate, as it is searched (`free_parameters`), [P].
        matrix: covariance, [P, P]; 0 in directions that are not identified, which `of` answers with NaN.
        kind: one of `KINDS`.
        space: what the log identifies and what not.
        episodes: number of episodes.
        freedom: degrees of freedom of intervals: E - 1 where the episodes' spread is measured, else infinite.
        replicates: estimates on resampled episodes (bootstrap) or without each (jackknife), [R, P].
    """

    model: LearningDynamics
    theta: Float[Tensor, " P"]
    matrix: Float[Tensor, "P P"]
    kind: str
    space: NullSpace
    episodes: int
    freedom: float
    replicates: Float[Tensor, "R P"] | None = None

    @property
    def basis(self) -> Float[Tensor, "P r"]:
        """Orthonormal basis of the gradients of identified contrasts."""
        return self.space.identified

    def draws(self, number: int, *, seed: int) -> Float[Tensor, "{number} P"]:
        """Normal draws of the parameters; directions that are not identified stay at the estimate."""
        inner = self.basis.T @ self.matrix @ self.basis
        values, vectors = torch.linalg.eigh(inner)
        root = self.basis @ (vectors * values.clamp(min=0).sqrt())
        generator = torch.Generator().manual_seed(seed)
        normal = torch.randn(number, root.shape[1], generator=generator, dtype=torch.float64)
        return self.theta + normal.to(root.device) @ root.T

    def of(self, function: Function, *, level: float = 0.95) -> Estimate:
        """Anything that follows from the model, by the delta method.

            var f(theta) = f' V f',   interval f +- t sqrt(f' V f')   with t of `freedom` degrees of freedom

        Args:
            function: from a `LearningDynamics` to a tensor of any shape, through torch operations.
            level: probability with which the interval is to cover the truth.

        Returns:
            Value, standard error and interval; NaN where the log does not identify it.

        Example: covariance.of(lambda model: model.mechanism.payoffs([[0, 1], [1, 1]]).diff(dim=0))
        """
        value, rows = jacobian(self.model, function)
        wide = (rows @ self.matrix * rows).sum(1).clamp(min=0).sqrt()
        identified = self.sees(rows) & value.reshape(-1).isfinite()
        return Estimate.around(value, wide, identified, level=level, freedom=self.freedom)

    def sees(self, rows: Float[Tensor, "k P"]) -> Tensor:
        """Which gradients lie in the identified space, [k].

        As `identify` says, but that learner parameters at the edge of their domain are held.
        """
        return self.space.strays(rows) <= STRAYS

    def learner_parameters(self, *, level: float = 0.95) -> dict[str, Estimate]:
        """Each free learner parameter; intervals are formed where it is searched, and stay in its domain."""
        return learner_estimates(self, level=level)

    def payoff_differences(self, data: EpisodeDataset, *, level: float = 0.95) -> PayoffDifferences:
        """Payoff of each own action less the mean over own actions in every situation of a log."""
        return payoff_differences(self, data, level=level)


def covariance(
    data: EpisodeDataset,
    result: Fitted,
    kind: str | None = None,
    *,
    replications: int = 200,
    exact: bool = False,
    seed: int = 0,
) -> Covariance:
    """Covariance of a fit's free parameters on the space that the log identifies.

    With s_e the scores of the E episodes, H minus the second derivatives of the log-likelihood, L those of
    the penalty, and A = H + L, all on the identified space:

    - "sandwich" (the default unless a penalty decides more than `SHRUNK`): E / (E - 1) A^-1 (sum of s_e s_e')
      A^-1, episodes being independent clusters; valid if the rule is not quite the true one. Intervals take
      t quantiles with E - 1 degrees of freedom.
    - "hessian": A^-1 H A^-1.
    - "opg": the same with sum of s_e s_e' in place of H. Scores are martingale differences, so both agree if
      the model is true.
    - "jackknife": (E - 1) / E times the spread of the estimates without one episode each, by one Newton step
      from the estimate with the expected information of the other episodes, or `exact`ly by refits.
    - "bootstrap": spread of refits to resampled episodes, from the estimate on. joblib runs them: choose
      workers, or a cluster, with `joblib.parallel_config`.
    - "posterior" (the default with a penalty): A^-1, the spread of payoffs under the normal prior that the
      penalty stands for. Where learner parameters are estimated too, H is the expected information: evidence
      does not leave them at the top of likelihood and prior jointly with the payoffs, where alone second
      derivatives are sure to curve downwards. The prior's strength is taken as known: in short logs, which
      say little of it, intervals are too narrow, and far too narrow if cross-validation chose it.

    All others describe how a penalised estimate varies around its own mean, which the penalty moves away from
    the truth: they are conditional on that bias.

    Args:
        data: the log that was fitted.
        result: the fit, or its model.
        kind: one of these; None for the default.
        replications: refits of the bootstrap.
        exact: refit without each episode, for the jackknife.
        seed: of the bootstrap's draws.

    Raises:
        ValueError: for another kind; with fewer than two episodes where their spread is asked for; where the
            likelihood does not curve downwards at the estimate.

    References:
        White (1982), Econometrica 50, theorem 3.2; Liang & Zeger (1986), Biometrika 73 (clusters); Efron &
        Stein (1981), Annals of Statistics 9 (jackknife); Silverman (1985), Journal of the Royal Statistical
        Society B 47 (posterior spread behind penalised fits).
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind: expected one of {KINDS}; found {kind!r}; leave it out for the default")
    return covariance_from(
        EstimatingEquation.of(data, result), kind, replications=replications, exact=exact, seed=seed
    )


def covariance_from(
    equation: EstimatingEquation,
    kind: str | None = None,
    *,
    replications: int = 200,
    exact: bool = False,
    seed: int = 0,
) -> Covariance:
    """The same from an equation at hand: several kinds share its matrices."""
    kind = kind or ("posterior" if equation.shrinkage() > SHRUNK else "sandwich")
    data, theta = equation.data, equation.theta
    episodes, clustered = data.num_episodes, kind in ("sandwich", "jackknife", "bootstrap")
    if episodes < 2 and (clustered or kind == "opg"):
        raise ValueError(
            f"kind: expected at least two episodes, whose spread {kind!r} measures; found {episodes}; use "
            "kind='hessian'"
        )
    replicates = None
    if kind == "bootstrap":
        replicates = bootstrapped(equation.model, data, replications, seed=seed)
        inner = torch.cov((replicates @ equation.basis).T).reshape(equation.outer.shape)
    elif kind == "jackknife":
        if exact:
            replicates = one_left_out(equation.model, data)
            moves = (replicates - theta) @ equation.basis
        else:
            rest = equation.expected + equation.penalty - equation.by_episode
            moves = -torch.linalg.solve(rest, equation.scores.unsqueeze(-1)).squeeze(-1)
        moves = moves - moves.mean(0)
        inner = (episodes - 1) / episodes * moves.T @ moves
    else:
        inner = _analytic(equation, kind)
    matrix = equation.basis @ (0.5 * (inner + inner.T)) @ equation.basis.T
    freedom = float(episodes - 1) if clustered else torch.inf
    return Covariance(equation.model, theta, matrix, kind, equation.space, episodes, freedom, replicates)


def _analytic(equation: EstimatingEquation, kind: str) -> Float[Tensor, "r r"]:
    """Covariances in closed form."""
    if kind == "opg":
        bread, meat = inverse(equation.outer + equation.penalty, "an outer product of scores"), equation.outer
        return bread @ meat @ bread
    if kind == "posterior" and any(p.requires_grad for p in equation.model.learner.parameters()):
        return inverse(equation.expected + equation.penalty, "an expected information")
    bread = inverse(equation.observed + equation.penalty, "an observed information")
    if kind == "posterior":
        return bread
    if kind == "hessian":
        return bread @ equation.observed @ bread
    episodes = equation.data.num_episodes
    return episodes / (episodes - 1) * bread @ equation.outer @ bread
