"""How do several learners in one process each keep their own process-global random states?"""

import random
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np

_numpy_random: Any = np.random  # the global generator, whose use elsewhere is an error, is what is isolated


class _Own:
    """The global random states of one party: Python's, NumPy's and (once torch is loaded) torch's."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.python = random.Random(seed).getstate()
        self.numpy: Any = np.random.MT19937(seed)
        self.torch: Any = None


class RandomStates:
    """Gives parties that take turns in one process their own global random states; puts the caller's back.

    `switch` installs a party's states and stores those of the party before it. NumPy's generator is exchanged
    as an object, which costs a hundredth of copying its state; a normal deviate that `numpy.random` had put
    aside for its next call is dropped at a switch. Inside the block torch uses one thread. Only torch's CPU
    generator is kept apart, and only once torch has been imported.

    Args:
        seeds: one for each party; the parties are numbered from 0.

    Example:
        >>> before = random.getstate()
        >>> with RandomStates([1, 2]) as states:
        ...     states.switch(0)
        ...     first = random.random()
        ...     states.switch(1)
        ...     random.seed(5)
        ...     states.switch(0)
        ...     second = random.random()
        >>> alone = random.Random(1)
        >>> (first, second) == (alone.random(), alone.random()), random.getstate() == before
        (True, True)
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        """Prepares the parties' first states; nothing global is touched."""
        self._parties = [_Own(seed) for seed in seeds]
        self._current: _Own | None = None
        self._torch: Any = None
        self._torch_state: Any = None
        self._threads = 1

    def __enter__(self) -> Self:
        """Remembers the caller's states."""
        self._python = random.getstate()
        self._numpy = _numpy_random.get_bit_generator()
        self._numpy_state = _numpy_random.get_state(legacy=False)
        self.limit_torch_threads()
        return self

    def switch(self, party: int) -> None:
        """Installs the states of a party; those of the party before it are kept for its next turn."""
        new, old = self._parties[party], self._current
        if new is old:
            return
        if self._torch is None:
            self.limit_torch_threads()
        generator = self._torch and self._torch.default_generator
        if old is not None:
            old.python, old.numpy = random.getstate(), _numpy_random.get_bit_generator()
            if generator is not None:
                old.torch = generator.get_state()
        random.setstate(new.python)
        _numpy_random.set_bit_generator(new.numpy)
        if generator is not None:
            if new.torch is None:
                generator.manual_seed(new.seed)
            else:
                generator.set_state(new.torch)
        self._current = new

    def limit_torch_threads(self) -> None:
        """Limits torch, if loaded, to one thread; to be called in each thread that uses it."""
        torch = sys.modules.get("torch")
        if torch is None or not hasattr(torch, "default_generator"):
            return
        if self._torch is None:
            self._torch, self._threads = torch, torch.get_num_threads()
            self._torch_state = torch.default_generator.get_state()
        torch.set_num_threads(1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Puts the caller's states back."""
        random.setstate(self._python)
        _numpy_random.set_bit_generator(self._numpy)
        _numpy_random.set_state(self._numpy_state)
        if self._torch is not None:
            self._torch.default_generator.set_state(self._torch_state)
            self._torch.set_num_threads(self._threads)
