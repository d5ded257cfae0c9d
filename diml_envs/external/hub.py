"""How do the seats' actions become joint steps of one episode, recorded on the environment's side?"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from diml_envs.external.random_state import RandomStates
from diml_envs.external.rules import RuleLearner
from diml_envs.external.sb3 import SB3Learner, adapt
from diml_envs.external.seats import Seat
from diml_envs.learners.base import Learner
from diml_envs.log_writer import LogWriter


class LearnerStopped(RuntimeError):
    """A learner's `learn` returned before the run was over."""


@dataclass
class Episode:
    """What one independent run has recorded so far; rows from `length` on are not valid yet."""

    number: int
    actions: NDArray[np.int64]  # [T, n]
    payoffs: NDArray[np.float64]  # [T, n]
    probabilities: NDArray[np.float64] | None = None  # [T, n, A]
    update: NDArray[np.int32] | None = None  # [T, n]
    context: NDArray[np.float64] | None = None  # [T, d]
    length: int = 0
    learners: dict[str, str] = field(default_factory=dict)
    error: BaseException | None = None

    def columns(self, start: int, stop: int) -> list[Any]:
        """The recorded rows from start to stop, in the order of `LogWriter.extend`."""
        columns = (self.actions, self.payoffs, self.probabilities, self.update, self.context)
        return [None if column is None else column[start:stop] for column in columns]


def agent_spaces(env: ParallelEnv[str, Any, Any]) -> dict[str, spaces.Discrete]:
    """The agents' action spaces in order.

    Raises:
        ValueError: an agent's actions are not discrete.
    """
    found = {agent: env.action_space(agent) for agent in env.possible_agents}
    for agent, space in found.items():
        if not isinstance(space, spaces.Discrete):
            raise ValueError(f"expected Discrete actions for every agent, found {space} for {agent}")
    return found  # pyright: ignore[reportReturnType]  # checked above


class Hub:
    """Plays one episode: lets each learner act in turn, makes the joint step, records it, and ends them all.

    Args:
        env: the joint environment.
        make_learner: builds the learner of a seat.
        steps: joint steps to play.
        seeds: one for each agent (learner, seat), and one for the environment.
        number: of the episode.
        probabilities: whether to record the learners' choice probabilities.
        on_step: called after each joint step; may be None.
    """

    def __init__(
        self,
        env: ParallelEnv[str, Any, Any],
        make_learner: Callable[[Any, str, int], Any],
        steps: int,
        seeds: Sequence[int],
        *,
        number: int,
        probabilities: bool,
        on_step: Callable[[], None] | None = None,
    ) -> None:
        """Seats the agents; nothing runs yet."""
        self._env, self._make_learner, self._steps, self._seeds = env, make_learner, steps, seeds
        self._with_probabilities, self._on_step = probabilities, on_step
        self._states = RandomStates(seeds)
        self.seats = [
            Seat(agent, env.observation_space(agent), space, seeds[i], self._learn)
            for i, (agent, space) in enumerate(agent_spaces(env).items())
        ]
        shape = (steps, len(self.seats))
        self.episode = Episode(number, np.zeros(shape, np.int64), np.zeros(shape))

    def play(self, open_writer: Callable[[Episode], LogWriter] | None, block: int) -> Episode:
        """Plays the episode; what stops it early is found in the result's `error`.

        Args:
            open_writer: makes the writer once the columns are known; None keeps the log in memory only.
            block: joint steps after which the writer is given what has been recorded.

        Returns:
            The record, also of a part.
        """
        episode, writer = self.episode, None
        try:
            try:
                with self._states:
                    try:
                        self._reset(self._seeds[-1])
                        for t in range(self._steps):
                            self._joint_step(t)
                            episode.length = t + 1
                            if open_writer is not None and episode.length % block == 0:
                                writer = writer or open_writer(episode)
                                _write(writer, episode)
                            if self._on_step is not None:
                                self._on_step()
                    finally:
                        self._stop()
            finally:
                if open_writer is not None and episode.length:
                    writer = writer or open_writer(episode)
                    _write(writer, episode)
                    writer.close()
        except BaseException as error:  # also an interrupt: the caller raises it again, beside the log
            episode.error = error
        return episode

    def _learn(self, seat: Seat) -> None:
        """The body of a learner's thread."""
        index = self.seats.index(seat)
        made = self._make_learner(seat, seat.agent, self._seeds[index])
        if isinstance(made, Learner):
            sizes = [other.size for other in self.seats]
            made = RuleLearner(made, seat, self._seeds[index], index=index, num_actions=sizes)
        learner = adapt(made)
        if not callable(getattr(learner, "learn", None)):
            raise TypeError(
                f"expected make_learner to return an object with learn(total_timesteps) for {seat.agent}, "
                f"found {type(learner).__name__}"
            )
        self._states.limit_torch_threads()
        seat.watch(learner, self._with_probabilities)
        self.episode.learners[seat.agent] = _name(learner)
        learner.learn(self._steps)

    def _joint_step(self, t: int) -> None:
        episode, seats, states = self.episode, self.seats, self._states
        for i, seat in enumerate(seats):
            states.switch(i)
            seat.baton.resume()
            if seat.baton.finished:
                raise self._ended_early(seat, t)
        states.switch(len(seats))
        if t == 0:
            self._allocate()
        observations, rewards, terminations, truncations, infos = self._env.step(
            {seat.agent: seat.action for seat in seats}
        )
        for i, seat in enumerate(seats):
            agent = seat.agent
            payoff = float(rewards[agent])
            if not math.isfinite(payoff):
                raise ValueError(f"expected a finite payoff for {agent} at step {t}, found {payoff}")
            episode.actions[t, i] = seat.action_index
            episode.payoffs[t, i] = payoff
            if seat.probabilities is not None and episode.probabilities is not None:
                episode.probabilities[t, i] = 0.0
                episode.probabilities[t, i, : seat.size] = seat.probabilities
            if seat.update is not None and episode.update is not None:
                episode.update[t, i] = seat.update
            outcome = (observations[agent], payoff, bool(terminations[agent]), bool(truncations[agent]))
            seat.outcome = (*outcome, dict(infos[agent]))
            seat.now = (observations[agent], infos[agent])
        if episode.context is not None:
            episode.context[t] = self._env.unwrapped.last_context  # pyright: ignore
        if not self._env.agents:
            self._reset()
        elif len(self._env.agents) != len(seats):
            left = [seat.agent for seat in seats if seat.agent not in self._env.agents]
            raise ValueError(
                f"expected all agents to stay until the environment's episode ends, found that "
                f"{', '.join(left)} left at step {t}; a log needs every agent at every step"
            )

    def _allocate(self) -> None:
        """Makes the optional columns: what at least one learner, or the environment, exposes."""
        episode, shape, seats = self.episode, self.episode.actions.shape, self.seats
        if any(seat.probabilities_of is not None for seat in seats):
            episode.probabilities = np.full((*shape, max(seat.size for seat in seats)), np.nan)
        if any(seat.update_of is not None for seat in seats):
            episode.update = np.full(shape, -1, np.int32)
        context = getattr(self._env.unwrapped, "context", None)
        if isinstance(context, np.ndarray):
            episode.context = np.zeros((shape[0], *context.shape))

    def _reset(self, seed: int | None = None) -> None:
        if seed is not None:
            self._states.switch(len(self.seats))
        observations, infos = self._env.reset(seed=seed)
        missing = [seat.agent for seat in self.seats if seat.agent not in observations]
        if missing:
            raise ValueError(f"expected all possible_agents after a reset, found no {', '.join(missing)}")
        for seat in self.seats:
            seat.now = (observations[seat.agent], infos.get(seat.agent, {}))

    def _ended_early(self, seat: Seat, t: int) -> BaseException:
        error, where = seat.baton.error, f"{t} of {self._steps} joint steps"
        if error is None:
            return LearnerStopped(
                f"the learner of {seat.agent} returned from learn() after {where}; expected it to go on until"
                " run_external stops it. Did a callback return False, or does learn() ignore total_timesteps?"
            )
        error.add_note(f"raised in the learner of {seat.agent}, after {where}")
        return error

    def _stop(self) -> None:
        """Ends all threads, the one whose turn was interrupted first."""
        for seat in sorted(self.seats, key=lambda seat: not seat.baton.running):
            seat.baton.stop()


def _name(learner: Any) -> str:
    """What the log calls a learner: the class of the model or rule inside."""
    if isinstance(learner, SB3Learner):
        learner = learner.model
    elif isinstance(learner, RuleLearner):
        learner = learner.rule
    return type(learner).__name__


def _write(writer: LogWriter, episode: Episode) -> None:
    """Gives the writer what it has not got yet; safe to repeat after an interrupt."""
    start, stop = writer.num_steps, episode.length
    if stop > start:
        writer.extend(
            np.full(stop - start, episode.number), np.arange(start, stop), *episode.columns(start, stop)
        )
