"""How does an unmodified learner, written to be in command, take turns with others at a joint step?"""

import ctypes
import math
import operator
import threading
import warnings
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

_PATIENCE = 10.0


class Stop(BaseException):
    """Unwinds a learner's thread when the hub has ended the run; it never leaves that thread."""


class Baton:
    """A thread run as a coroutine: of the hub and its learners exactly one is ever runnable.

    Args:
        name: of the thread.
        body: what the thread does; it calls `pause` to hand the baton back.
    """

    def __init__(self, name: str, body: Callable[[], None]) -> None:
        """Prepares the thread; it starts at the first `resume`."""
        self.finished = False
        self.error: BaseException | None = None
        self._body = body
        self._stopping = False
        self.running = False
        self._go, self._back = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._back.acquire()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def resume(self) -> None:
        """Lets the thread run until it pauses, returns or fails (hub's side)."""
        self.running = True
        if self._thread.ident is None:
            self._thread.start()
        self._go.release()
        self._back.acquire()
        self.running = False

    def pause(self) -> None:
        """Hands the baton back and waits for the next turn (thread's side).

        Raises:
            Stop: the run has ended.
        """
        if not self._stopping:
            self._back.release()
            self._go.acquire()
        if self._stopping:
            raise Stop

    def stop(self) -> None:
        """Ends the thread (hub's side): where it waits, or, after an interrupt, wherever it is."""
        self._stopping = True
        _release(self._go)
        if self._thread.ident is None:
            return
        if self.running:  # the hub was interrupted during this thread's turn
            stop = ctypes.py_object(Stop)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread.ident), stop)
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            warnings.warn(
                f"{self._thread.name} did not end within {_PATIENCE:.0f} seconds of being stopped; "
                "its learner catches BaseException or waits outside of Python",
                RuntimeWarning,
                stacklevel=2,
            )

    def _run(self) -> None:
        try:
            self._go.acquire()
            if not self._stopping:
                self._body()
        except Stop:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self.finished = True
            _release(self._back)


class Seat(gymnasium.Env[Any, Any]):
    """One agent's seat at the joint environment, as the learner sees it.

    `step` returns when all agents have acted. The joint environment is reset by the hub alone: `reset` gives
    the present observation and changes nothing. The spaces are the learner's own copies, seeded for it.

    Args:
        agent: whose seat.
        observation_space: of the agent.
        action_space: of the agent.
        seed: of the spaces' generators.
        body: what the learner's thread does with the seat.
    """

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(
        self,
        agent: str,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete,
        seed: int,
        body: Callable[["Seat"], None],
    ) -> None:
        """Prepares the seat; the hub sets what the agent observes before its first turn."""
        self.agent = agent
        self.observation_space, self.action_space = deepcopy(observation_space), deepcopy(action_space)
        self.observation_space.seed(seed)
        self.action_space.seed(seed)
        self.size, self._start = int(action_space.n), int(action_space.start)
        self.baton = Baton(f"diml learner of {agent}", lambda: body(self))
        self.now: tuple[Any, dict[str, Any]] = (None, {})
        self.outcome: tuple[Any, float, bool, bool, dict[str, Any]] = (None, 0.0, False, False, {})
        self.action = 0
        self.probabilities: NDArray[np.float64] | None = None
        self.update: int | None = None
        self.probabilities_of: Callable[[Any], Any] | None = None
        self.update_of: Callable[[], int] | None = None
        self._observed: Any = None
        self._checked: Any = None

    def watch(self, learner: Any, probabilities: bool) -> None:
        """Notes what the learner exposes of itself: `update_index` and `action_probabilities`."""
        if getattr(learner, "update_index", None) is not None:
            self.update_of = lambda: _call(learner.update_index)
        if probabilities and callable(getattr(learner, "action_probabilities", None)):
            self.probabilities_of = learner.action_probabilities

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Returns what the agent observes now; the joint environment goes on."""
        if seed is not None:
            super().reset(seed=seed)
        self._observed, info = self.now
        return self._observed, dict(info)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Hands in the agent's action, waits for the others and returns what the joint step brought.

        Raises:
            ValueError: the action, or what the learner says of itself, is not what it should be.
        """
        self.action = self._checked_action(action)
        if self.update_of is not None:
            self.update = operator.index(self.update_of())
            if self.update < 0:
                raise ValueError(f"update_index: expected 0 or more, found {self.update}")
        if self.probabilities_of is not None:
            self.probabilities = self._checked_probabilities(self.probabilities_of(self._observed))
        self.baton.pause()
        self._observed = self.outcome[0]
        return self.outcome

    def _checked_action(self, action: Any) -> int:
        try:
            index = operator.index(action)
        except TypeError:
            raise ValueError(
                f"expected a whole number as the action of {self.agent}, found {action!r}"
            ) from None
        if not 0 <= index - self._start < self.size:
            raise ValueError(
                f"expected {self._start} to {self._start + self.size - 1} as the action of {self.agent}, "
                f"found {index}; build the learner for seat.action_space"
            )
        return index

    def _checked_probabilities(self, given: Any) -> NDArray[np.float64] | None:
        if given is None or given is self._checked:
            return self._checked if given is not None else None
        row = np.asarray(given, dtype=np.float64)
        if row.shape != (self.size,) or not (row >= 0).all() or not math.isclose(row.sum(), 1, abs_tol=1e-5):
            raise ValueError(
                f"action_probabilities: expected {self.size} numbers from 0 that sum to 1 for {self.agent}, "
                f"found {given!r}"
            )
        self._checked = None if row.flags.writeable else row  # one that cannot change need not be read twice
        return row

    @property
    def action_index(self) -> int:
        """The action counted from 0, whatever the space's first action."""
        return self.action - self._start


def _call(value: Any) -> Any:
    return value() if callable(value) else value


def _release(lock: threading.Lock) -> None:
    try:
        lock.release()
    except RuntimeError:  # it was not held: its waiter has been let go already
        pass
