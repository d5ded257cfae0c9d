"""How do learners that were written for one agent play and learn together, and how is it logged?"""

import contextlib
import copy
import importlib
import os
import sys
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import joblib
import numpy as np
from pettingzoo import ParallelEnv

from diml_envs.arguments import whole_number
from diml_envs.external.hub import Episode, Hub, LearnerStopped, agent_spaces
from diml_envs.log import Log
from diml_envs.log_format import shard_paths
from diml_envs.log_writer import LogWriter
from diml_envs.progress import step_bar
from diml_envs.provenance import describe, versions

__all__ = ["LearnerStopped", "run_external"]

MakeLearner = Callable[[gymnasium.Env[Any, Any], str, int], Any]

_ROWS_PER_SHARD = 16_384
_PACKAGES = ("diml", "numpy", "pettingzoo", "gymnasium", "stable-baselines3", "torch")


def run_external(
    env: ParallelEnv[str, Any, Any],
    make_learner: MakeLearner,
    steps: int,
    seed: int,
    *,
    episodes: int = 1,
    path: str | os.PathLike[str] | None = None,
    probabilities: bool = True,
    jobs: int = 1,
    progress: bool = True,
    provenance: Mapping[str, Any] | None = None,
) -> Log:
    """Lets learners act and learn at the same time, each by its own unmodified `learn`, and logs them.

    Each learner runs in a thread on a `gymnasium.Env` seat. One thread at a time is runnable, in the order of
    the agents, and each has its own process-global random states (`random`, `numpy.random`, torch's CPU
    generator), so a run is a function of its seed; the caller's states are put back. When all have acted the
    joint environment makes one step. Its own truncations reset it and do not end the run: `step` in the log
    counts on, and all learners are stopped after exactly `steps` joint steps. Import torch before the call if
    your learners draw from its generator before they seed it.

    A learner is any object with `learn(total_timesteps)`; Stable-Baselines3 models fit as they are, and so do
    built-in rules such as `LogitQ()` (most need an environment with `feedback="full"`). It may also expose,
    for the log:

    - `update_index`: a whole number or a function without arguments that returns one: the index of the
      parameter update that its present action was chosen with.
    - `action_probabilities(observation)`: the probabilities (one per action of the seat) with which its
      present action was drawn, or None; asked once per step, just after the choice. It must not draw random
      numbers or change the learner. A read-only array that is returned again is not checked again.

    Args:
        env: any PettingZoo `ParallelEnv` with discrete actions in which all agents stay to the end.
        make_learner: builds the learner of one seat: `make_learner(seat, agent, seed)`. Called in the
            learner's thread, afresh for each episode, with a seed derived from `seed`, episode and agent.
        steps: joint steps per episode.
        seed: of everything random.
        episodes: independent runs with fresh learners; what the log calls episodes.
        path: folder to write the log to while it grows; a killed process loses the unfinished shard at most.
        probabilities: whether to record choice probabilities where learners expose them.
        jobs: worker processes for the episodes; the log does not depend on it. `env` and `make_learner` are
            copied to them. An interrupt then keeps the finished episodes (and what lies in `path`).
        progress: shows a bar on the error output, if that is a terminal.
        provenance: entries to add to the log's own.

    Returns:
        The log, rewards as the environment gave them. `update` and `probabilities` are absent if no learner
        exposes them, and unknown (-1, NaN) for single learners that do not.

    Raises:
        LearnerStopped: a learner returned from `learn` too early.
        FileExistsError: `path` holds a log already.
        TypeError: `env` is no `ParallelEnv`, or a seat's learner has no `learn`.
        ValueError: the arguments, the environment or what a learner says of itself does not fit.
        BaseException: what was raised in a learner, in the environment, or by Ctrl-C: the same object.
            Of all errors during the run, a note tells how many steps were kept, and the attribute `log`
            holds them.

    Example:
        >>> import pettingzoo, diml_envs
        >>> from stable_baselines3 import A2C
        >>> env = pettingzoo.make("parallel", "diml/congestion-v0", num_agents=3, num_actions=3)
        >>> def make_learner(seat, agent, seed):
        ...     return A2C("MlpPolicy", seat, seed=seed, device="cpu")
        >>> log = diml_envs.run_external(env, make_learner, steps=10, seed=0)
        >>> log.actions.shape, log.update[0, :, 0].tolist()
        ((1, 10, 3), [0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    """
    if not isinstance(env, ParallelEnv):
        raise TypeError(
            f"expected a PettingZoo ParallelEnv, found {type(env).__name__}; build one with "
            'pettingzoo.make("parallel", id) or diml_envs.IncentiveEnv(mechanism)'
        )
    steps, episodes = whole_number("steps", steps), whole_number("episodes", episodes)
    jobs, seed = whole_number("jobs", jobs), whole_number("seed", seed, least=0)
    if path is not None and (Path(path).is_file() or shard_paths(Path(path))):
        raise FileExistsError(
            f"{path}: expected a new or empty folder, found a log; choose another path, or delete it first"
        )
    about = _provenance(env, steps, seed, episodes) | dict(provenance or {})
    plan = _Plan(env, make_learner, steps, seed, None if path is None else Path(path), probabilities, about)
    done: list[Episode] = []
    failure: BaseException | None = None
    try:
        with (
            step_bar(progress, episodes * steps) as advance,
            contextlib.closing(plan.play(episodes, jobs, advance)) as runs,
        ):
            for episode in runs:
                done.append(episode)
                if (failure := episode.error) is not None:
                    break
    except BaseException as error:  # an interrupt between or beside the episodes
        failure = error
    log = _joined(done, plan)
    if failure is None:
        return log
    failure.add_note(
        f"run_external kept {int(log.lengths.sum())} joint steps of {len(done)} of {episodes} episodes "
        "(the error's attribute 'log'" + ("" if path is None else f", and on disk in {path}") + ")"
    )
    with contextlib.suppress(AttributeError):  # an error class without a __dict__ cannot carry the log
        failure.log = log  # pyright: ignore[reportAttributeAccessIssue]
    raise failure


@dataclass(frozen=True)
class _Plan:
    """What every episode of a run has in common; travels to worker processes."""

    env: ParallelEnv[str, Any, Any]
    make_learner: MakeLearner
    steps: int
    seed: int
    path: Path | None
    probabilities: bool
    provenance: Mapping[str, Any]

    def play(
        self, episodes: int, jobs: int, advance: Callable[[int], None]
    ) -> Generator[Episode, None, None]:
        """Yields the episodes in order, played here or in worker processes."""
        if min(jobs, episodes) == 1:
            for number in range(episodes):
                yield self.episode(number, lambda: advance(1))
            return
        workers = joblib.Parallel(n_jobs=min(jobs, episodes), return_as="generator")
        with_torch = "torch" in sys.modules
        played: Any = workers(
            joblib.delayed(self.remote_episode)(number, with_torch) for number in range(episodes)
        )
        try:
            for episode in played:
                advance(self.steps)
                yield episode
        finally:
            with warnings.catch_warnings():  # that workers are cancelled when a run ends early is meant so
                warnings.simplefilter("ignore", UserWarning)
                played.close()

    def episode(self, number: int, on_step: Callable[[], None] | None) -> Episode:
        """Plays one episode; never raises what happens in it."""
        agents = len(self.env.possible_agents)
        children = np.random.SeedSequence(self.seed, spawn_key=(number,)).spawn(agents + 1)
        seeds = [int(child.generate_state(1)[0] >> 1) for child in children]  # 31 bits suit every library
        hub = Hub(
            self.env,
            self.make_learner,
            self.steps,
            seeds,
            number=number,
            probabilities=self.probabilities,
            on_step=on_step,
        )
        return hub.play(self.writer if self.path is not None else None, max(1, _ROWS_PER_SHARD // agents))

    def remote_episode(self, number: int, with_torch: bool) -> Episode:
        """Plays one episode in a worker; an error that cannot travel is told in words."""
        if with_torch:  # as in the calling process: its generator is seeded before the learners are built
            importlib.import_module("torch")
        episode = self.episode(number, None)
        if episode.error is not None:
            try:
                copy.deepcopy(episode.error)
            except Exception as obstacle:
                words = f"{type(episode.error).__name__}: {episode.error}"
                episode.error = RuntimeError(f"{words} (raised in a worker process; {obstacle})")
        return episode

    def writer(self, episode: Episode) -> LogWriter:
        """Opens the shards of one episode; episodes share the folder, not the files."""
        assert self.path is not None
        spaces = agent_spaces(self.env)
        return LogWriter(
            self.path,
            num_actions=[int(space.n) for space in spaces.values()],
            agents=list(spaces),
            provenance={**self.provenance, "learners": episode.learners},
            rows_per_shard=_ROWS_PER_SHARD,
            stem=f"episode-{episode.number:05d}",
        )


def _joined(episodes: Sequence[Episode], plan: _Plan) -> Log:
    """The episodes as one log; what some have not recorded is unknown there."""
    spaces = agent_spaces(plan.env)
    lengths = np.array([episode.length for episode in episodes], np.int64)
    horizon, fills = lengths.max(initial=0), (-1, np.nan, np.nan, -1, np.nan)
    columns: list[Any] = []
    for position, fill in enumerate(fills):
        parts = [episode.columns(0, episode.length)[position] for episode in episodes]
        first = next((part for part in parts if part is not None), None)
        if first is None:
            columns.append(None)
            continue
        column = np.full((len(parts), horizon, *first.shape[1:]), fill, first.dtype)
        for row, part in zip(column, parts, strict=True):
            if part is not None:
                row[: len(part)] = part
        columns.append(column)
    actions, payoffs, probabilities, update, context = columns
    return Log(
        np.zeros((0, 0, len(spaces)), np.int64) if actions is None else actions,
        tuple(int(space.n) for space in spaces.values()),
        tuple(spaces),
        payoffs,
        probabilities,
        update,
        context,
        lengths,
        {**plan.provenance, "learners": episodes[0].learners if episodes else {}},
    )


def _provenance(env: ParallelEnv[str, Any, Any], steps: int, seed: int, episodes: int) -> dict[str, Any]:
    inner = env.unwrapped
    about: dict[str, Any] = {"name": env.metadata.get("name", type(inner).__name__)}
    for name in ("observation", "feedback", "max_cycles"):
        if isinstance(value := getattr(inner, name, None), int | str):
            about[name] = value
    run: dict[str, Any] = {"made_by": "diml_envs.run_external", "env": about}
    if (mechanism := getattr(inner, "mechanism", None)) is not None:
        run["mechanism"] = describe(mechanism)
    return {**run, "episodes": episodes, "horizon": steps, "seed": seed, "versions": versions(*_PACKAGES)}
