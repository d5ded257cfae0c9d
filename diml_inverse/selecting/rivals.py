"""What a selected model has to beat on held-out episodes: models in which payoffs do not matter."""

import math

import numpy as np
from jaxtyping import Float

from diml_inverse.information import gain_is_chance, without_payoffs
from diml_inverse.learners import LearnerRule, MemoryK, Uniform
from diml_inverse.population import PopulationDataset
from diml_inverse.selecting.candidates import Candidate, Folds, Scored, episode_scores

MOST_WEIGHTS = 20_000
"""Weights beyond which behaviour is not cloned from the last steps."""

WITHOUT, KNOWN = "without payoffs", "known part alone"

CLEARLY = 3.0
"""Standard errors by which a memory of the last steps has to be ahead."""


def baseline_scores(choice: Candidate, folds: Folds) -> dict[str, Float[np.ndarray, " E"]]:
    """Held-out log-likelihood of every episode, fold by fold, under models without payoffs to estimate.

    Args:
        choice: the candidate chosen, whose learner gets nothing to learn from, or what is known alone.
        folds: pairs of training and held-out episodes.
    """
    dataset, sizes, known = folds[0][0], choice.mechanism.num_actions, choice.mechanism.known_part()
    null = WITHOUT if known is None else KNOWN
    rules: dict[str, LearnerRule] = {null: choice.learner, "uniform": Uniform(sizes)}
    if not isinstance(dataset, PopulationDataset) and dataset.present is None:
        for steps in (1, 2):
            if steps * (dataset.num_agents * dataset.max_actions) ** 2 <= MOST_WEIGHTS:
                rules[f"memory of {steps}"] = MemoryK(sizes, memory=steps)
    found: dict[str, list[np.ndarray]] = {name: [] for name in rules}
    for train, held_out in folds:
        for name, rule in rules.items():
            model = without_payoffs(train, rule, known=known if name == null else None)
            found[name].append(episode_scores(model, held_out))
    return {name: np.concatenate(scores) for name, scores in found.items()}


def nothing_learned(choice: Scored, rivals: dict[str, Float[np.ndarray, " E"]], *, candidates: int) -> bool:
    """Whether held-out choices give no reason to believe in the chosen model's payoffs.

    Either its gain over the same learner without payoffs (or with those known alone) is no more than chance
    (`gain_is_chance`), or choices follow so clearly from the last steps alone that a model which remembers
    these and knows no payoffs is ahead by three standard errors of the difference over episodes.

    Args:
        choice: the model chosen.
        rivals: as `baseline_scores` gives them.
        candidates: how many models it is the best of.
    """
    null = rivals[WITHOUT] if WITHOUT in rivals else rivals[KNOWN]
    if gain_is_chance([choice.total - float(null.sum())], choices=candidates):
        return True
    for name, scores in rivals.items():
        ahead = scores - choice.held_out
        error = math.sqrt(len(ahead)) * float(ahead.std(ddof=1)) if len(ahead) > 1 else math.inf
        if name.startswith("memory") and float(ahead.sum()) > CLEARLY * error:
            return True
    return False
