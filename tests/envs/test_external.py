"""Properties of runs with external learners: reproducible, isolated, ended at once, nothing lost."""

# ruff: noqa: NPY002  # the global generators are what is tested

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from pettingzoo import ParallelEnv
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback

from diml_envs.env import IncentiveEnv
from diml_envs.external import LearnerStopped, run_external
from diml_envs.external.rules import RuleLearner
from diml_envs.external.sb3 import SB3Factory, SB3Learner
from diml_envs.external.seats import Seat
from diml_envs.learners import BanditQ, Hedge
from diml_envs.log import load
from diml_envs.mechanisms import Congestion, MatrixGame, PublicState

STEPS = 80
SB3 = {
    "agent_0": (PPO, {"n_steps": 32, "batch_size": 16, "n_epochs": 2}),
    "agent_1": (A2C, {"n_steps": 10}),
    "agent_2": (DQN, {"learning_starts": 21, "train_freq": 6, "batch_size": 8, "buffer_size": 100}),
}


def make_sb3(seat, agent, seed):
    kind, arguments = SB3[agent]
    return kind("MlpPolicy", seat, seed=seed, device="cpu", **arguments)


def congestion(**arguments):
    return IncentiveEnv(Congestion(num_agents=3, num_actions=3, seed=1), max_cycles=25, **arguments)


class Toy:
    """Softmax of running mean payoffs; draws from all process-global generators and from its own space."""

    def __init__(self, seat, seed=None):
        self.seat, self.update_index = seat, 0
        self.values = np.zeros(seat.action_space.n)
        self.observed, self.truncations = [], 0

    def action_probabilities(self, observation):
        weights = np.exp(self.values)
        return weights / weights.sum()

    def learn(self, total_timesteps):
        observation, _ = self.seat.reset()
        for _ in range(total_timesteps):
            self.observed.append(observation)
            level = (random.random() + np.random.rand() + torch.rand(()).item()) % 1
            if level < 0.3:
                action = int(self.seat.action_space.sample())
            else:
                action = int(np.random.choice(len(self.values), p=self.action_probabilities(observation)))
            observation, payoff, _, truncated, _ = self.seat.step(action)
            self.values[action] += 0.3 * (payoff - self.values[action])
            self.update_index += 1
            if truncated:
                self.truncations += 1
                observation, _ = self.seat.reset()


def toy(seat, agent, seed):
    return Toy(seat)


def assert_same_log(one, other):
    for name in ("actions", "payoffs", "probabilities", "update", "context", "lengths"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None), name
        if a is not None:
            np.testing.assert_array_equal(a, b, err_msg=name)


JOBLIB = {"ExecutorManagerThread", "QueueFeederThread"}
"""Threads of joblib's pool of workers, which it keeps for the next call."""


@pytest.fixture(autouse=True)
def no_thread_survives():
    before = set(threading.enumerate())
    yield
    assert not [t for t in threading.enumerate() if t not in before and t.name not in JOBLIB]


@pytest.fixture(scope="module")
def mixed():
    return run_external(congestion(), make_sb3, STEPS, 7)


def test_ppo_a2c_and_dqn_together_are_a_function_of_the_seed(mixed):
    random.seed(11)
    np.random.seed(12)
    torch.manual_seed(13)
    assert_same_log(run_external(congestion(), make_sb3, STEPS, 7), mixed)
    other = run_external(congestion(), make_sb3, STEPS, 8)
    assert (other.actions != mixed.actions).any()
    for i in range(3):
        assert (other.actions[0, :, i] != mixed.actions[0, :, i]).any()


def test_recording_probabilities_changes_no_choice(mixed):
    without = run_external(congestion(), make_sb3, STEPS, 7, probabilities=False)
    assert without.probabilities is None
    np.testing.assert_array_equal(without.actions, mixed.actions)
    np.testing.assert_array_equal(without.update, mixed.update)


def test_log_holds_every_joint_step_with_the_mechanisms_payoffs(mixed):
    assert mixed.actions.shape == (1, STEPS, 3) and mixed.num_actions == (3, 3, 3)
    np.testing.assert_array_equal(mixed.payoffs, congestion().mechanism(mixed.actions))
    assert mixed.provenance["learners"] == {"agent_0": "PPO", "agent_1": "A2C", "agent_2": "DQN"}
    assert mixed.provenance["seed"] == 7 and mixed.provenance["env"]["max_cycles"] == 25


def test_update_marks_count_trainings_only(mixed):
    t = np.arange(STEPS)
    np.testing.assert_array_equal(mixed.update[0, :, 0], t // 32)
    np.testing.assert_array_equal(mixed.update[0, :, 1], t // 10)
    # DQN collects 6 steps at a time and trains after a collection if more than 21 steps lie behind it
    np.testing.assert_array_equal(mixed.update[0, :, 2], np.maximum(t // 6 - 3, 0))


def test_probabilities_are_those_the_models_draw_from(mixed):
    seen = {}

    class Spy(BaseCallback):
        """Asks the model by another way than the adapter: log-probabilities and predict."""

        def __init__(self, agent):
            super().__init__()
            self.agent = agent

        def _on_step(self):
            observation = torch.ones(1, 1)
            with torch.no_grad():
                if self.agent == "agent_2":
                    row = self.model.predict(np.ones((1, 1), np.float32), deterministic=True)[0]
                else:
                    actions = torch.arange(3)
                    rows = self.model.policy.evaluate_actions(observation.repeat(3, 1), actions)
                    row = rows[1].exp().numpy()
            seen.setdefault(self.agent, []).append((row, self.locals.get("log_probs")))
            return True

    def spied(seat, agent, seed):
        return SB3Learner(make_sb3(seat, agent, seed), callback=Spy(agent))

    log = run_external(congestion(), spied, STEPS, 7)
    np.testing.assert_array_equal(log.actions, mixed.actions)
    np.testing.assert_array_equal(log.probabilities, mixed.probabilities)
    for i, agent in enumerate(("agent_0", "agent_1")):
        rows = np.stack(
            [row for row, _ in seen[agent]]
        )  # callbacks see all steps but the last, unanswered one
        np.testing.assert_allclose(log.probabilities[0, :-1, i], rows, atol=1e-6)
        drawn = np.array([float(log_prob) for _, log_prob in seen[agent]])
        chosen = log.probabilities[0, np.arange(STEPS - 1), i, log.actions[0, :-1, i]]
        np.testing.assert_allclose(np.log(chosen), drawn, atol=1e-5)
    dqn = log.probabilities[0, :, 2]
    np.testing.assert_allclose(dqn[:21], 1 / 3)
    # exploration falls linearly from 1 to 0.05 over the first tenth of the run, by steps already made
    epsilon = np.maximum(1 - 0.95 * np.arange(STEPS) / (0.1 * STEPS), 0.05)[21:]
    np.testing.assert_allclose(dqn[21:].min(axis=-1), epsilon / 3, atol=1e-12)
    greedy = np.array([int(np.squeeze(row)) for row, _ in seen["agent_2"]])[21:]
    np.testing.assert_array_equal(dqn[21:-1].argmax(axis=-1), greedy)


def test_callers_random_states_and_torch_threads_are_put_back():
    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(3)
    np.random.randn()  # leaves a second normal deviate waiting
    torch.set_num_threads(2)
    python, numpy_state, generator = random.getstate(), np.random.get_state(), np.random.get_bit_generator()
    torch_state = torch.get_rng_state()
    run_external(congestion(), make_sb3, 12, 0)
    assert random.getstate() == python
    after = np.random.get_state()
    assert np.random.get_bit_generator() is generator
    assert after[2:] == numpy_state[2:] and (after[1] == numpy_state[1]).all()
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert torch.get_num_threads() == 2


def test_learner_without_sb3_that_draws_globally_is_reproducible_and_logged():
    logs = [run_external(congestion(), toy, 60, seed) for seed in (3, 3, 4)]
    assert_same_log(logs[0], logs[1])
    assert (logs[0].actions != logs[2].actions).any()
    log = logs[0]
    np.testing.assert_array_equal(log.update, np.broadcast_to(np.arange(60)[None, :, None], (1, 60, 3)))
    # replay agent 1's values from the log alone
    values = np.zeros(3)
    for t in range(60):
        np.testing.assert_allclose(log.probabilities[0, t, 1], np.exp(values) / np.exp(values).sum())
        a = log.actions[0, t, 1]
        values[a] += 0.3 * (log.payoffs[0, t, 1] - values[a])


def test_learner_seated_beside_others_starts_from_the_same_generators_as_alone():
    """The first global draws of a seat depend on its own seed alone, not on who sits elsewhere."""
    drawn = {}

    def make(seat, agent, seed):
        drawn.setdefault(agent, []).append((random.random(), np.random.rand(), torch.rand(()).item()))
        if agent == "agent_0" and len(drawn[agent]) == 2:
            np.random.rand(1000)
            torch.rand(1000)
            random.seed(0)
        return Toy(seat)

    for _ in range(2):
        run_external(congestion(), make, 5, 0)
    assert drawn["agent_1"][0] == drawn["agent_1"][1]
    assert len({draws[0] for draws in drawn.values()}) == 3


def test_truncation_resets_the_environment_once_and_the_run_goes_on():
    env, resets = congestion(observation="joint"), []
    original = env.reset
    env.reset = lambda seed=None, options=None: resets.append(seed) or original(seed=seed, options=options)
    toys = {}

    def make(seat, agent, seed):
        return toys.setdefault(agent, Toy(seat))

    log = run_external(env, make, 60, 0)
    assert log.lengths.tolist() == [60]
    assert len(resets) == 3 and resets[1:] == [None, None]  # at the start, after steps 25 and 50
    for player in toys.values():
        assert player.truncations == 2
        observed = np.stack(player.observed)
        assert not observed[[0, 25, 50]].any()  # zeros at a reset
        last = np.eye(3)[log.actions[0, :-1]].reshape(59, 9)  # one-hot joint actions
        np.testing.assert_array_equal(
            np.delete(observed[1:], [24, 49], axis=0), np.delete(last, [24, 49], axis=0)
        )


def test_public_context_is_logged_as_seen_before_acting():
    game = PublicState(MatrixGame.named("prisoners_dilemma"), levels=(0.5, 1.0, 2.0))
    toys = {}

    def make(seat, agent, seed):
        return toys.setdefault(agent, Toy(seat))

    log = run_external(IncentiveEnv(game, max_cycles=10), make, 30, 0)
    observed = np.stack(toys["agent_1"].observed)[:, -1:]
    np.testing.assert_allclose(log.context[0], observed)
    assert set(log.context.ravel()) == {0.5, 1.0, 2.0}
    np.testing.assert_allclose(log.payoffs, game(log.actions, log.context))


def test_episodes_are_independent_runs_with_fresh_learners(mixed):
    log = run_external(congestion(), make_sb3, 40, 7, episodes=2)
    assert log.actions.shape == (2, 40, 3)
    assert (log.update[:, 0] == 0).all()
    assert (log.actions[0] != log.actions[1]).any()
    # the first episode does not depend on how many follow
    alone = run_external(congestion(), make_sb3, 40, 7)
    np.testing.assert_array_equal(log.actions[:1], alone.actions)


@pytest.mark.slow
def test_worker_processes_give_the_same_log_and_shards(tmp_path):
    names = ("ppo", "a2c", "dqn")
    factories = {f"agent_{i}": SB3Factory(name, {"learning_rate": 0.01}) for i, name in enumerate(names)}

    def make(seat, agent, seed):
        return factories[agent](seat, agent, seed)

    one = run_external(congestion(), make, 30, 5, episodes=2, path=tmp_path / "one")
    two = run_external(congestion(), make, 30, 5, episodes=2, jobs=2, path=tmp_path / "two")
    assert_same_log(one, two)
    assert one.provenance == two.provenance
    disk = [load(tmp_path / name) for name in ("one", "two")]
    assert_same_log(*disk)
    for name in ("actions", "payoffs", "update"):
        np.testing.assert_array_equal(getattr(disk[0], name), getattr(one, name))
    np.testing.assert_array_equal(disk[0].probabilities, one.probabilities.astype(np.float32))


class Failing(Toy):
    def learn(self, total_timesteps):
        self.seat.reset()
        for t in range(total_timesteps):
            if t == 9:
                raise BOOM
            self.seat.step(t % 3)


BOOM = ZeroDivisionError("the seventh seal")


def failing(seat, agent, seed):
    return (Failing if agent == "agent_1" else Toy)(seat)


def test_error_in_one_learner_is_raised_itself_with_the_log_so_far(tmp_path):
    whole = run_external(congestion(), lambda seat, agent, seed: Toy(seat), 9, 0)
    with pytest.raises(ZeroDivisionError, match="the seventh seal") as caught:
        run_external(congestion(), failing, 50, 0, path=tmp_path / "log")
    assert caught.value is BOOM
    assert any("9 of 50 joint steps" in note and "agent_1" in note for note in BOOM.__notes__)
    assert any("kept 9 joint steps" in note for note in BOOM.__notes__)
    log = BOOM.log
    assert log.actions.shape == (1, 9, 3)
    assert log.actions[0, :, 1].tolist() == [0, 1, 2] * 3
    np.testing.assert_array_equal(log.actions[0, 0, [0, 2]], whole.actions[0, 0, [0, 2]])
    disk = load(tmp_path / "log")
    np.testing.assert_array_equal(disk.actions, log.actions)
    np.testing.assert_array_equal(disk.payoffs, log.payoffs)


@pytest.mark.slow
def test_error_in_a_worker_process_comes_back_with_the_log_so_far():
    with pytest.raises(ZeroDivisionError, match="the seventh seal") as caught:
        run_external(congestion(), failing, 50, 0, episodes=2, jobs=2)
    assert caught.value.log.lengths.tolist() == [9]


def test_error_while_building_a_learner_or_in_the_environment_keeps_the_log():
    def broken(seat, agent, seed):
        if agent == "agent_2":
            raise KeyError("no such policy")
        return Toy(seat)

    with pytest.raises(KeyError, match="no such policy") as caught:
        run_external(congestion(), broken, 5, 0)
    assert caught.value.log.lengths.tolist() == [0]

    env = congestion()
    step, calls = env.step, []
    env.step = lambda actions: step(actions) if not calls.append(1) and len(calls) < 4 else 1 / 0
    with pytest.raises(ZeroDivisionError) as caught:
        run_external(env, toy, 5, 0)
    assert caught.value.log.lengths.tolist() == [3]


def test_callback_that_stops_one_learner_ends_all_and_names_it(mixed):
    class StopAt(BaseCallback):
        def _on_step(self):
            return self.num_timesteps < 23

    def make(seat, agent, seed):
        model = make_sb3(seat, agent, seed)
        return SB3Learner(model, callback=StopAt()) if agent == "agent_1" else model

    with pytest.raises(LearnerStopped, match="agent_1 returned from learn.* after 23 of 80") as caught:
        run_external(congestion(), make, STEPS, 7)
    log = caught.value.log
    assert log.lengths.tolist() == [23]
    np.testing.assert_array_equal(log.actions, mixed.actions[:, :23])


@pytest.fixture
def interruptible():
    """Python's answer to Ctrl-C, which a process started in the background does without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("during", ["learning", "environment"])
def test_interrupt_ends_all_threads_at_once_and_keeps_the_log(tmp_path, during):
    def interrupt():
        signal.raise_signal(signal.SIGINT)

    class Long(Toy):
        def learn(self, total_timesteps):
            self.seat.reset()
            for t in range(total_timesteps):
                if t == 6 and during == "learning":  # a training that takes a minute
                    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
                    until = time.monotonic() + 60
                    while time.monotonic() < until:
                        time.sleep(0.005)
                self.seat.step(t % 3)

    def make(seat, agent, seed):
        return (Long if agent == "agent_1" else Toy)(seat)

    env = congestion()
    step, calls = env.step, []

    def interrupted_step(actions):
        calls.append(1)
        if during == "environment" and len(calls) == 7:
            interrupt()
        return step(actions)

    env.step = interrupted_step
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt) as caught:
        run_external(env, make, 50, 0, path=tmp_path / "log")
    assert time.monotonic() - start < 8
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("diml")]
    assert caught.value.log.lengths.tolist() == [6]
    np.testing.assert_array_equal(load(tmp_path / "log").actions, caught.value.log.actions)
    assert any("kept 6 joint steps" in note for note in caught.value.__notes__)


@pytest.mark.slow
def test_killed_process_loses_only_the_unfinished_shard(tmp_path):
    program = textwrap.dedent(
        """
        import os, signal, sys
        from diml_envs.external import run as external
        from diml_envs.env import IncentiveEnv
        from diml_envs.mechanisms import MatrixGame
        external._ROWS_PER_SHARD = 20

        class Fixed:
            def __init__(self, seat):
                self.seat = seat
            def learn(self, total_timesteps):
                self.seat.reset()
                for t in range(total_timesteps):
                    if t == 37:
                        os.kill(os.getpid(), signal.SIGKILL)
                    self.seat.step(t % 2)

        env = IncentiveEnv(MatrixGame.named("prisoners_dilemma"))
        external.run_external(env, lambda seat, agent, seed: Fixed(seat), 100, 0, path=sys.argv[1])
        """
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "log"], check=False, env=os.environ)
    assert done.returncode == -signal.SIGKILL
    log = load(tmp_path / "log")
    assert log.actions.tolist() == [[[t % 2] * 2 for t in range(30)]]  # three shards of ten joint steps


class Uneven(ParallelEnv):
    """Not ours: labels as names, an action space that starts at 5, and (if told so) one who leaves early."""

    metadata = {"name": "uneven"}

    def __init__(self, leaves_at=None):
        self.possible_agents, self.agents, self.leaves_at = ["ann", "bob"], [], leaves_at
        self._actions = {"ann": spaces.Discrete(2, start=5), "bob": spaces.Discrete(3)}

    def observation_space(self, agent):
        return spaces.Discrete(100)

    def action_space(self, agent):
        return self._actions[agent]

    def reset(self, seed=None, options=None):
        self.agents, self.t = self.possible_agents[:], 0
        return dict.fromkeys(self.agents, 0), {agent: {} for agent in self.agents}

    def step(self, actions):
        self.t += 1
        rewards = {agent: float(self.t + actions["ann"] * (agent == "ann")) for agent in self.agents}
        gone = {"ann": self.t == 4, "bob": self.t in (4, self.leaves_at)}
        agents, self.agents = self.agents, [agent for agent in self.agents if not gone[agent]]
        infos = dict.fromkeys(agents, {})
        return dict.fromkeys(agents, self.t), rewards, gone, dict.fromkeys(agents, False), infos


class Counting:
    """Plays its actions in turn and exposes nothing."""

    def __init__(self, seat):
        self.seat = seat

    def learn(self, total_timesteps):
        space = self.seat.action_space
        self.seat.reset()
        for t in range(total_timesteps):
            self.seat.step(np.int64(space.start + t % space.n))


def test_any_parallel_env_fits_and_actions_are_counted_from_zero():
    log = run_external(Uneven(), lambda seat, agent, seed: Counting(seat), 6, 0)
    assert log.agents == ("ann", "bob") and log.num_actions == (2, 3)
    assert log.actions[0].T.tolist() == [[0, 1, 0, 1, 0, 1], [0, 1, 2, 0, 1, 2]]
    assert log.payoffs[0].T.tolist() == [[6, 8, 8, 10, 6, 8], [1, 2, 3, 4, 1, 2]]  # reset after four
    assert log.update is None and log.probabilities is None and log.context is None


def test_what_one_learner_does_not_expose_is_unknown_in_the_log(tmp_path):
    def make(seat, agent, seed):
        return (Counting if agent == "agent_0" else Toy)(seat)

    log = run_external(congestion(), make, 4, 0, path=tmp_path / "log")
    assert np.isnan(log.probabilities[0, :, 0]).all() and not np.isnan(log.probabilities[0, :, 1:]).any()
    assert log.update[0].tolist() == [[-1, t, t] for t in range(4)]
    table = load(tmp_path / "log").to_pandas()
    first = table[table["agent"] == "agent_0"]
    assert first["probabilities"].isna().all() and first["update"].isna().all()
    assert not table[table["agent"] == "agent_2"]["update"].isna().any()


class Wrong(Counting):
    def __init__(self, seat, action=0, **exposed):
        super().__init__(seat)
        self.action, self.__dict__ = action, {**self.__dict__, "action": action, **exposed}

    def learn(self, total_timesteps):
        self.seat.reset()
        self.seat.step(self.action)


@pytest.mark.parametrize(
    ("exposed", "message"),
    [
        ({"action": 3}, "expected 0 to 2 as the action of agent_0, found 3"),
        ({"action": 0.5}, "expected a whole number as the action of agent_0, found 0.5"),
        ({"update_index": -1}, "update_index: expected 0 or more, found -1"),
        ({"action_probabilities": lambda observation: [0.5, 0.5]}, "expected 3 numbers from 0 that sum to 1"),
        ({"action_probabilities": lambda observation: [0.5, 0.4, 0.0]}, "expected 3 numbers from 0"),
    ],
)
def test_what_a_learner_says_wrongly_is_refused_at_once(exposed, message):
    with pytest.raises(ValueError, match=message):
        run_external(congestion(), lambda seat, agent, seed: Wrong(seat, **exposed), 5, 0)


def test_environments_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="found that bob left at step 2"):
        run_external(Uneven(leaves_at=3), lambda seat, agent, seed: Counting(seat), 6, 0)

    class Boxed(Uneven):
        def action_space(self, agent):
            return spaces.Box(0, 1)

    with pytest.raises(ValueError, match="expected Discrete actions for every agent"):
        run_external(Boxed(), lambda seat, agent, seed: Counting(seat), 6, 0)

    with pytest.raises(TypeError, match="expected a PettingZoo ParallelEnv, found Seat; .*parallel"):
        run_external(Seat("ann", spaces.Discrete(2), spaces.Discrete(2), 0, print), toy, 6, 0)  # pyright: ignore


@pytest.mark.parametrize(
    ("wrong", "least"),
    [
        ({"steps": 0}, 1),
        ({"steps": 2.5}, 1),
        ({"episodes": 0}, 1),
        ({"jobs": 0}, 1),
        ({"seed": -1}, 0),
        ({"seed": None}, 0),  # would draw from the system's entropy: no run could be repeated
    ],
)
def test_sizes_and_seeds_that_are_no_whole_numbers_are_refused(wrong, least):
    [(name, found)] = wrong.items()
    with pytest.raises(ValueError, match=f"{name} to be a whole number of at least {least}, found {found}"):
        run_external(congestion(), toy, **{"steps": 5, "seed": 0, **wrong})


@pytest.mark.parametrize("made", [None, "ppo"])
def test_what_is_no_learner_is_refused(made):
    with pytest.raises(TypeError, match=f"learn.total_timesteps. for agent_0, found {type(made).__name__}"):
        run_external(congestion(), lambda seat, agent, seed: made, 5, 0)


def test_existing_log_is_refused_before_anything_runs(tmp_path):
    run_external(congestion(), toy, 3, 0, path=tmp_path / "log")
    with pytest.raises(FileExistsError, match="choose another path"):
        run_external(congestion(), failing, 50, 0, path=tmp_path / "log")


def test_seat_passes_as_a_gymnasium_environment_with_spaces_of_its_own():
    env, seats = congestion(), []

    def make(seat, agent, seed):
        assert isinstance(seat, gymnasium.Env)
        assert seat.action_space == env.action_space(agent) and seat.action_space is not env.action_space(
            agent
        )
        seats.append(seat)
        return Toy(seat)

    run_external(env, make, 3, 0)
    assert [seat.agent for seat in seats] == ["agent_0", "agent_1", "agent_2"]


@pytest.mark.parametrize("rule", [Hedge(step_size=0.5), BanditQ(step_size=0.3, inverse_temperature=4.0)])
def test_built_in_rule_on_a_seat_follows_its_own_recursion(rule):
    """Three seats with a rule each choose as one rule of three agents does, given the drawn actions."""
    env = congestion(feedback="full")
    log = run_external(env, lambda seat, agent, seed: RuleLearner(rule, seat, seed), 40, 0)
    bare = run_external(env, lambda seat, agent, seed: rule, 40, 0)
    np.testing.assert_array_equal(bare.actions, log.actions)
    assert list(bare.provenance["learners"].values()) == [type(rule).__name__] * 3
    game, sizes = env.mechanism, env.mechanism.num_actions
    state = rule.initial_state(1, sizes)
    for t in range(40):
        np.testing.assert_allclose(log.probabilities[:, t], rule.probabilities(state, sizes), atol=1e-12)
        state = rule.update(state, log.actions[:, t], game.deviation_payoffs(log.actions[:, t]))
    assert log.update[0, -1].tolist() == [39] * 3
