"""What does a Stable-Baselines3 model tell of itself while it learns, and which can be had by name?"""

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

SB3_LEARNERS = {"ppo": "PPO", "a2c": "A2C", "dqn": "DQN"}
"""Learners that `diml-envs record` knows by name: the name of the class in stable_baselines3."""


@dataclass(frozen=True)
class SB3Factory:
    """A `make_learner` for `run_external`: a new model with an MLP policy on the CPU for each seat.

    Args:
        name: a key of `SB3_LEARNERS`.
        arguments: hyper-parameters of the model's constructor.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, seat: Any, agent: str, seed: int) -> Any:
        """Builds the model."""
        return self.model_class()("MlpPolicy", seat, device="cpu", seed=seed, **self.arguments)

    def model_class(self) -> type:
        """The class of the model; imports stable_baselines3."""
        import stable_baselines3

        return getattr(stable_baselines3, SB3_LEARNERS[self.name])

    def hyperparameters(self) -> list[str]:
        """The names that `arguments` may have."""
        given = ("policy", "env", "device", "seed")
        names = inspect.signature(self.model_class()).parameters
        return [name for name in names if name not in given and not name.startswith("_")]


class SB3Learner:
    """A Stable-Baselines3 model in the words of `run_external`: update marks and choice probabilities.

    `run_external` wraps a bare model so by itself; do it yourself to pass a callback. Nothing here draws
    random numbers or changes the model. An update counts when the model has trained, so a DQN stands at 0
    until its `learning_starts` is over. Probabilities are exposed by PPO, A2C (softmax of the policy) and DQN
    (uniform before `learning_starts`, epsilon-greedy after); where the model and what it observes have not
    changed, they are not computed again.

    Args:
        model: any Stable-Baselines3 algorithm.
        callback: passed to `model.learn`.
    """

    def __init__(self, model: Any, callback: Any = None) -> None:
        """Looks at what kind of model it is."""
        import stable_baselines3 as sb3

        self.model, self.callback = model, callback
        self.action_probabilities: Callable[[Any], NDArray[np.float64]] | None = None
        if isinstance(model, sb3.PPO | sb3.A2C):
            self.action_probabilities = self._softmax
        elif isinstance(model, sb3.DQN):
            self.action_probabilities = self._epsilon_greedy
        self._trained, self._updates = model._n_updates, 0
        self._key: Any = None
        self._row: Any = None

    def learn(self, total_timesteps: int) -> None:
        """Runs the model's own, unmodified `learn`."""
        if self.callback is None:
            self.model.learn(total_timesteps)
        else:
            self.model.learn(total_timesteps, callback=self.callback)

    @property
    def update_index(self) -> int:
        """How often the model has trained: the index of the parameters it acts with now."""
        if self.model._n_updates != self._trained:  # the model's own counter counts epochs or gradient steps
            self._trained = self.model._n_updates
            self._updates += 1
        return self._updates

    def _softmax(self, observation: Any) -> NDArray[np.float64]:
        def compute() -> NDArray[np.float64]:
            distribution = self.model.policy.get_distribution(self._tensor()).distribution
            return distribution.probs[0].double().numpy()

        return self._remembered((), compute)

    def _epsilon_greedy(self, observation: Any) -> NDArray[np.float64]:
        model = self.model
        size = int(model.action_space.n)
        if model.num_timesteps < model.learning_starts:
            return self._remembered("uniform", lambda: np.full(size, 1 / size))
        epsilon = model.exploration_rate

        def compute() -> NDArray[np.float64]:
            row = np.full(size, epsilon / size)
            row[int(model.q_net(self._tensor()).argmax(dim=1))] += 1 - epsilon
            return row

        return self._remembered(epsilon, compute)

    def _remembered(self, extra: Any, compute: Callable[[], NDArray[np.float64]]) -> NDArray[np.float64]:
        """The row computed before, as long as nothing that it depends on has changed."""
        seen = self.model._last_obs  # what the model acts on: as its own wrappers have left it
        seen = [seen] if isinstance(seen, np.ndarray) else list(seen.values())
        key = (self.update_index, extra, *(array.tobytes() for array in seen))
        if key != self._key:
            with sys.modules["torch"].no_grad():  # loaded: there is a model
                self._row = compute()
            self._row.flags.writeable = False
            self._key = key
        return self._row

    def _tensor(self) -> Any:
        return self.model.policy.obs_to_tensor(self.model._last_obs)[0]


def adapt(learner: Any) -> Any:
    """Wraps a bare Stable-Baselines3 model as `SB3Learner`; anything else is returned as it is."""
    sb3 = sys.modules.get("stable_baselines3.common.base_class")
    return SB3Learner(learner) if sb3 and isinstance(learner, sb3.BaseAlgorithm) else learner
