"""How a fit can end, each with what to do about it."""

import enum


class Status(enum.Enum):
    """The end of a fit; the value is its name in files, `remedy` what to do."""

    CONVERGED = "converged"
    BUDGET = "stopped by budget"
    DIVERGED = "diverged"
    NO_INFORMATION = "data carry no information about the payoffs"

    @property
    def remedy(self) -> str:
        """What the user should do."""
        return _REMEDIES[self]


_REMEDIES = {
    Status.CONVERGED: "Nothing to do.",
    Status.BUDGET: "The estimate is not final: raise the optimiser's max_steps, or start closer.",
    Status.DIVERGED: (
        "The log-likelihood has no finite maximum here, or the steps are too long: use a ridge, an "
        "exploration above 0, fewer free learner parameters, or a smaller learning_rate."
    ),
    Status.NO_INFORMATION: (
        "Estimated payoffs do not help to predict these choices: look for more or longer episodes, another "
        "learner rule, or agents that do learn from payoffs. No payoffs are shown."
    ),
}
