"""Good logs: every door leads to the same data set, and its parts partition it."""

import json
import time
from pathlib import Path

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import torch

import diml_envs
from diml_inverse import LBFGS, Fixed, LearningDynamics, fit
from diml_inverse.data import LogError, TrajectoryDataset, load_log
from diml_inverse.learners import LogitQ, MemoryK
from diml_inverse.maximise import maximise
from diml_inverse.mechanisms import Congestion, TabularAnonymous, TabularJoint
from diml_inverse.metrics import payoff_difference_r2
from diml_inverse.sample import Sample

SHARED = Path(__file__).parents[3] / "shared" / "data"
NAN = float("nan")

# Two episodes (numbers 3 and 5, of 3 and 2 steps), two agents with 2 and 3 actions, written out by hand.
AGENTS, SIZES = ("ann", "bob"), (2, 3)
EPISODE = [3, 3, 3, 3, 3, 3, 5, 5, 5, 5]
STEP = [0, 0, 1, 1, 2, 2, 0, 0, 1, 1]
ACTION = [0, 2, 1, 0, 0, 1, 1, 1, 0, 2]
PAYOFF = [0.5, 1.5, None, -2.0, 0.0, 4.0, 1.0, 2.0, 3.0, None]
PROBABILITIES = [[0.5, 0.5], [0.25, 0.25, 0.5]] * 4 + [[1.0, 0.0], None]
UPDATE = [0, 0, 0, 1, 1, 1, 0, None, 2, None]
CONTEXT = [[1.0, -1.0]] * 2 + [[2.0, -2.0]] * 2 + [[3.0, -3.0]] * 2 + [[4.0, -4.0]] * 2 + [[5.0, -5.0]] * 2
AVAILABLE = [[True, True], [True, True, True]] * 4 + [[True, False], [False, True, True]]
# the same as arrays; what stands in the padding (episode 1, step 2) must not matter
LENGTHS = [3, 2]
ACTIONS = np.array([[[0, 2], [1, 0], [0, 1]], [[1, 1], [0, 2], [-1, -1]]])
PAYOFFS = np.array([[[0.5, 1.5], [NAN, -2.0], [0.0, 4.0]], [[1.0, 2.0], [3.0, NAN], [77.0, np.inf]]])
P0, P1 = [0.5, 0.5, 0.0], [0.25, 0.25, 0.5]
PI = np.array(
    [[[P0, P1], [P0, P1], [P0, P1]], [[P0, P1], [[1.0, 0.0, NAN], [NAN, NAN, NAN]], [[9.0] * 3] * 2]]
)
MARKS = np.array([[[0, 0], [0, 1], [1, 1]], [[0, -1], [2, -1], [0, 0]]])
PUBLIC = np.array([[[1.0, -1.0], [2.0, -2.0], [3.0, -3.0]], [[4.0, -4.0], [5.0, -5.0], [NAN, NAN]]])
ALL = [[True, True, False], [True, True, True]]
OPEN = np.array([[ALL, ALL, ALL], [ALL, [[True, False, False], [False, True, True]], ALL]])

META = {
    "version": 1, "kind": "individual", "agents": AGENTS, "num_actions": SIZES, "provenance": {"seed": 3},
}  # fmt: skip


def table(meta=True):
    agent = pa.array(list(AGENTS) * 5).dictionary_encode()
    built = pa.table(
        {
            "episode": pa.array(EPISODE, pa.int64()),
            "step": pa.array(STEP, pa.int32()),
            "agent": agent,
            "action": pa.array(ACTION, pa.int32()),
            "payoff": pa.array(PAYOFF, pa.float64()),
            "probabilities": pa.array(PROBABILITIES, pa.list_(pa.float32())),
            "update": pa.array(UPDATE, pa.int32()),
            "context": pa.array(CONTEXT, pa.list_(pa.float64())),
            "available": pa.array(AVAILABLE, pa.list_(pa.bool_())),
        }
    )
    return built.replace_schema_metadata({"diml": json.dumps(META)}) if meta else built


def expected():
    return TrajectoryDataset.from_arrays(
        ACTIONS, SIZES, agents=AGENTS, payoffs=PAYOFFS, probabilities=PI, update=MARKS, context=PUBLIC,
        available=OPEN, lengths=LENGTHS,
    )  # fmt: skip


def assert_same(left, right, ids=True):
    for name in ("actions", "mask", "payoffs", "probabilities", "update", "context", "available"):
        torch.testing.assert_close(getattr(left, name), getattr(right, name), rtol=0, atol=0, equal_nan=True)
    assert (left.num_actions, left.agents) == (right.num_actions, right.agents)
    if ids:
        assert left.episode_ids == right.episode_ids


def from_file(path, **arguments):
    pq.write_table(table(), path / "log.parquet")
    return load_log(path / "log.parquet", **arguments)


def from_folder(path):
    """Two shards, cut in the middle of an episode but between steps; other files do not count."""
    pq.write_table(table().slice(0, 4), path / "part-00000.parquet")
    pq.write_table(table().slice(4), path / "part-00001.parquet")
    (path / "part-00002.parquet.tmp").write_bytes(b"PAR1 cut off")
    return load_log(path)


def from_folder_of_two_writers(path):
    """Shards of two writers, cut in the middle of a step, with different provenance."""
    other = META | {"provenance": {"seed": 4}}
    pq.write_table(table().slice(0, 3), path / "a-00000.parquet")
    pq.write_table(table().slice(3, 3), path / "a-00001.parquet")
    pq.write_table(
        table().slice(6).replace_schema_metadata({"diml": json.dumps(other)}), path / "b-00000.parquet"
    )
    return load_log(path)


def from_csv(path):
    """Other names, lists as text (with and without brackets), whole numbers as 2.0, a byte order mark."""
    lines = ["match,t,who,choice,payoff,probs,update,context,available,remark"]
    for r in range(10):
        p, u, y = PROBABILITIES[r], UPDATE[r], PAYOFF[r]
        cells = [
            EPISODE[r], STEP[r], AGENTS[r % 2], float(ACTION[r]), "" if y is None else y,
            "" if p is None else p, "" if u is None else u, " ".join(map(str, CONTEXT[r])), AVAILABLE[r],
            'says "hello",\nthen leaves',
        ]  # fmt: skip
        lines.append(",".join('"' + str(c).replace('"', '""') + '"' for c in cells))
    (path / "log.csv").write_text("\n".join(lines), encoding="utf-8-sig")
    columns = {"episode": "match", "step": "t", "agent": "who", "action": "choice", "probabilities": "probs"}
    return load_log(path / "log.csv", columns=columns, num_actions={"bob": 3, "ann": 2})


def from_pandas(path):
    pandas = pytest.importorskip("pandas")
    frame = table().to_pandas().rename(columns={"action": "choice"})
    frame["choice"] = frame["choice"].astype(float)  # 2.0 counts as a whole number
    frame["context"] = pandas.Series(CONTEXT)  # Python lists rather than arrays
    return TrajectoryDataset.from_table(frame, num_actions=SIZES, columns={"action": "choice"})


def from_arrow(path):
    types = {"agent": pa.large_string(), "action": pa.uint8(), "probabilities": pa.large_list(pa.float64())}
    built = table(meta=False)
    for name, kind in types.items():
        built = built.set_column(built.column_names.index(name), name, built[name].cast(kind))
    return TrajectoryDataset.from_table(built, num_actions=SIZES)


def from_arrow_with_metadata(path):
    return TrajectoryDataset.from_table(table())


def from_foreign_parquet(path):
    pq.write_table(table(meta=False), path / "foreign.parquet", row_group_size=3)
    return load_log(path / "foreign.parquet", num_actions=np.array(SIZES))


def from_tensors(path):
    given = {"payoffs": PAYOFFS, "probabilities": PI, "update": MARKS, "context": PUBLIC, "available": OPEN}
    tensors = {name: torch.tensor(array) for name, array in (given | {"lengths": LENGTHS}).items()}
    return TrajectoryDataset.from_arrays(torch.tensor(ACTIONS), SIZES, agents=AGENTS, **tensors)


DOORS = [
    from_file, from_folder, from_folder_of_two_writers, from_csv, from_pandas, from_arrow,
    from_arrow_with_metadata, from_foreign_parquet, from_tensors,
]  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_every_door_leads_to_the_same_data_set(door, tmp_path):
    assert_same(door(tmp_path), expected(), ids=False)


def test_tensors_are_those_written_by_hand():
    data = expected()
    assert data.actions.tolist() == [[[0, 2], [1, 0], [0, 1]], [[1, 1], [0, 2], [0, 0]]]
    assert data.mask.tolist() == [[True, True, True], [True, True, False]]
    assert data.payoffs is not None and data.probabilities is not None and data.update is not None
    assert data.payoffs[1, 1, 0] == 3.0
    assert torch.isnan(data.payoffs).nonzero().tolist() == [[0, 1, 0], [1, 1, 1], [1, 2, 0], [1, 2, 1]]
    assert data.probabilities[0, 2].tolist() == [[0.5, 0.5, 0.0], [0.25, 0.25, 0.5]]
    assert data.probabilities[1, 1, 0].tolist() == [1.0, 0.0, 0.0]
    assert torch.isnan(data.probabilities[1, 1, 1]).all()
    assert data.probabilities[1, 2].tolist() == [[0.0] * 3] * 2
    assert data.update.tolist() == [[[0, 0], [0, 1], [1, 1]], [[0, -1], [2, -1], [0, 0]]]
    assert data.context is not None and data.context[1].tolist() == [[4.0, -4.0], [5.0, -5.0], [0.0, 0.0]]
    assert data.available is not None and data.available[1, 1].tolist() == [
        [True, False, False],
        [False, True, True],
    ]
    assert not data.available[1, 2].any()


def test_dtypes_are_int64_float64_bool():
    data = expected()
    kinds = {name: str(t.dtype).removeprefix("torch.") for name, t in data._tensors().items()}
    assert kinds == {
        "actions": "int64", "mask": "bool", "payoffs": "float64", "probabilities": "float64",
        "update": "int64", "context": "float64", "available": "bool",
    }  # fmt: skip


def test_sizes_count_only_steps_that_happened():
    data = expected()
    assert (data.num_episodes, data.horizon, data.num_agents, data.max_actions) == (2, 3, 2, 3)
    assert data.num_choices == 10
    assert data.action_mask().tolist() == [[True, True, False], [True, True, True]]


def test_episode_numbers_and_provenance_come_from_the_log(tmp_path):
    data = from_file(tmp_path)
    assert data.episode_ids == (3, 5)
    assert data.provenance == {"seed": 3}


def test_optional_columns_stay_absent():
    data = TrajectoryDataset.from_table(table().select(["episode", "step", "agent", "action"]))
    assert data.payoffs is data.probabilities is data.update is data.context is data.available is None


@pytest.mark.parametrize("seed", range(5))
def test_row_order_does_not_matter(seed):
    shuffled = table().take(pa.array(np.random.default_rng(seed).permutation(10)))
    assert_same(TrajectoryDataset.from_table(shuffled), TrajectoryDataset.from_table(table()))


def test_given_arrays_are_not_changed_nor_shared():
    actions = np.array([[[0, 1]], [[1, 0]]])
    data = TrajectoryDataset.from_arrays(actions, 2)
    data.actions[0, 0, 0] = 1
    assert actions.tolist() == [[[0, 1]], [[1, 0]]]


def test_agents_sort_naturally_and_the_argument_wins():
    names = [f"agent_{i}" for i in range(12)]
    rows = pa.table({"episode": [0] * 12, "step": [0] * 12, "agent": names, "action": list(range(12))}).take(
        pa.array([5, 11, 0, 10, 2, 1, 3, 9, 8, 7, 6, 4])
    )
    data = TrajectoryDataset.from_table(rows, num_actions=12)
    assert data.agents == tuple(names)
    assert data.actions[0, 0].tolist() == list(range(12))
    backwards = TrajectoryDataset.from_table(rows, num_actions=12, agents=names[::-1])
    assert backwards.actions[0, 0].tolist() == list(range(12))[::-1]


def test_whole_number_labels_become_text_in_order_of_value():
    rows = pa.table({"episode": [0] * 3, "step": [0] * 3, "agent": [10, 9, 2], "action": [2, 1, 0]})
    data = TrajectoryDataset.from_table(rows, num_actions={2: 1, 9: 2, 10: 3})
    assert (data.agents, data.num_actions) == (("2", "9", "10"), (1, 2, 3))
    assert data.actions.tolist() == [[[0, 1, 2]]]


def test_plain_number_column_is_a_context_of_one_covariate():
    rows = pa.table(
        {"episode": [0, 0], "step": [0, 1], "agent": ["a", "a"], "action": [0, 1], "price": [1.5, 2]}
    )
    data = TrajectoryDataset.from_table(rows, num_actions=2, columns={"context": "price"})
    assert data.context is not None and data.context.tolist() == [[[1.5], [2.0]]]


def test_float32_probabilities_of_many_actions_pass():
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=3, size=(1, 50, 2, 400)).astype(np.float32)
    weights = np.exp(logits)
    p = weights / weights.sum(-1, keepdims=True, dtype=np.float32)
    data = TrajectoryDataset.from_arrays(np.zeros((1, 50, 2), int), 400, probabilities=p)
    assert data.probabilities is not None and data.probabilities.dtype == torch.float64


def numbered(episodes):
    """A data set whose episode e plays action e at all its steps."""
    actions = np.broadcast_to(np.arange(episodes)[:, None, None], (episodes, 4, 2))
    return TrajectoryDataset.from_arrays(
        actions, episodes, payoffs=actions * 1.0, lengths=[4, 3] * (episodes // 2)
    )


def players(data):
    assert data.payoffs is not None and torch.equal(data.payoffs[:, 0], data.actions[:, 0].double())
    assert data.episode_ids == tuple(data.actions[:, 0, 0].tolist())
    return data.actions[:, 0, 0].tolist()


@pytest.mark.parametrize("index", [[3, 0, 3], np.array([3, 0, 3]), torch.tensor([3, 0, 3])])
def test_select_keeps_the_order_given_and_repeats(index):
    chosen = numbered(6).select(index)
    assert players(chosen) == [3, 0, 3]
    assert chosen.mask.sum(1).tolist() == [3, 4, 3]


def test_select_takes_booleans():
    assert players(numbered(4).select([False, True, False, True])) == [1, 3]
    assert players(numbered(4).select(torch.tensor([True, False, False, True]))) == [0, 3]


@pytest.mark.parametrize("index", [[], [4], [-1], 2, [0.5], [[0]], [True, False]])
def test_select_refuses_what_is_no_position(index):
    with pytest.raises(LogError, match="select: expected"):
        numbered(4).select(index)


@pytest.mark.parametrize("fraction, size", [(0.2, 2), (0.5, 5), (0.01, 1), (0.99, 9)])
def test_split_partitions_the_episodes_in_order(fraction, size):
    train, test = numbered(10).split(fraction, seed=1)
    assert len(players(test)) == size
    assert sorted(players(train) + players(test)) == list(range(10))
    assert players(train) == sorted(players(train)) and players(test) == sorted(players(test))


def test_split_depends_on_the_seed_alone():
    draws = {tuple(players(numbered(20).split(seed=s)[1])) for s in range(10)}
    assert len(draws) > 5
    np.random.seed(0)  # noqa: NPY002  the global state must play no part
    torch.manual_seed(0)
    assert players(numbered(20).split(seed=3)[1]) == players(numbered(20).split(seed=3)[1])


@pytest.mark.parametrize("k", [2, 3, 10])
def test_folds_hold_out_every_episode_once(k):
    folds = numbered(10).folds(k, seed=0)
    assert len(folds) == k
    assert sorted(e for _, held in folds for e in players(held)) == list(range(10))
    assert all(sorted(players(train) + players(held)) == list(range(10)) for train, held in folds)
    assert max(h.num_episodes for _, h in folds) - min(h.num_episodes for _, h in folds) <= 1


def test_too_few_episodes_are_refused():
    one = TrajectoryDataset.from_arrays([[[0]]], 2)
    with pytest.raises(LogError, match="split: expected at least 2 episodes, found 1"):
        one.split(seed=0)
    with pytest.raises(LogError, match="folds: expected at least 5 episodes, found 4"):
        numbered(4).folds(5, seed=0)
    with pytest.raises(LogError, match="folds: expected k of at least 2, found 1"):
        numbered(4).folds(1, seed=0)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 2.0, NAN])
def test_split_refuses_fractions_outside_0_1(fraction):
    with pytest.raises(LogError, match="fraction between 0 and 1"):
        numbered(4).split(fraction, seed=0)


def test_to_moves_every_tensor():
    moved = expected().to("meta")
    assert all(t.device.type == "meta" for t in moved._tensors().values())
    assert moved.probabilities is not None and moved.probabilities.dtype == torch.float64


def test_hundred_thousand_rows_load_fast(tmp_path):
    rng = np.random.default_rng(0)
    e, t, n = 50, 500, 4
    grid = np.meshgrid(np.arange(e), np.arange(t), np.arange(n), indexing="ij")
    episode, step, agent = (g.ravel() for g in grid)
    actions = rng.integers(0, 5, e * t * n)
    offsets = pa.array(np.arange(e * t * n + 1) * 5, pa.int32())
    built = pa.table(
        {
            "episode": episode,
            "step": step,
            "agent": pa.DictionaryArray.from_arrays(agent.astype(np.int32), ["a", "b", "c", "d"]),
            "action": actions,
            "probabilities": pa.ListArray.from_arrays(offsets, np.full(e * t * n * 5, 0.2)),
        }
    )
    pq.write_table(built, tmp_path / "big.parquet")
    start = time.perf_counter()
    data = load_log(tmp_path / "big.parquet", num_actions=5)
    assert time.perf_counter() - start < 2.0  # about 0.1 s; a Python loop over rows takes far longer
    assert np.array_equal(data.actions.numpy(), actions.reshape(e, t, n))


def test_a_simulated_log_is_read_as_it_was_written(tmp_path):
    envs = pytest.importorskip("diml_envs.log")
    rng = np.random.default_rng(0)
    actions = rng.integers(0, 2, (3, 4, 2))
    payoffs = rng.normal(size=actions.shape)
    update = np.stack([np.broadcast_to(np.arange(4), (3, 4)), np.full((3, 4), -1)], axis=-1)
    p = np.full((3, 4, 2, 3), 0.5) * [[1, 1, 0]]
    p[:, :, 1] = NAN  # this learner exposes none
    context = rng.normal(size=(3, 4, 2))
    log = envs.Log(actions, (2, 3), payoffs=payoffs, probabilities=p, update=update, context=context)
    log.save(tmp_path / "log", shard_rows=6)  # three steps each
    data = load_log(tmp_path / "log")
    assert data.payoffs is not None and data.probabilities is not None
    assert np.array_equal(data.actions.numpy(), actions) and np.array_equal(data.payoffs.numpy(), payoffs)
    assert data.update is not None and np.array_equal(data.update.numpy(), update)
    assert data.context is not None and np.array_equal(data.context.numpy(), context)
    assert torch.equal(torch.isnan(data.probabilities).all(-1), torch.tensor([False, True]).expand(3, 4, 2))


def test_language_models_in_144_games_load_by_table():
    pandas = pytest.importorskip("pandas")
    path = SHARED / "llm_2x2_akata" / "all_144_games_rounds.csv"
    if not path.exists():
        pytest.skip(f"{path} is not there (a development data set outside the project)")
    wide = pandas.read_csv(path)
    key = ["game_number", "player1", "player2"]
    wide["episode"] = wide.groupby(key, sort=False).ngroup()
    sides = [
        pandas.DataFrame(
            {
                "episode": wide.episode, "step": wide["round"] - 1, "seat": f"seat_{k}",
                "action": (wide[f"answer{k}"] == wide.choice_option2).astype(int),
                "points": wide[f"points{k}"],
            }
        )
        for k in (1, 2)
    ]  # fmt: skip
    data = TrajectoryDataset.from_table(
        pandas.concat(sides), num_actions=2, columns={"agent": "seat", "payoff": "points"}
    )
    assert (data.num_episodes, data.horizon, data.num_agents) == (3600, 10, 2)
    assert data.num_choices == 72_000 and bool(data.mask.all())
    with pytest.raises(LogError, match="to start at step 0, found 1"):  # its rounds count from 1
        late = pandas.concat(sides).eval("step = step + 1")
        TrajectoryDataset.from_table(late, num_actions=2, columns={"agent": "seat"})


def test_people_in_prisoners_dilemmas_load_by_table():
    pandas = pytest.importorskip("pandas")
    path = SHARED / "pd_nay_vorobeychik" / "nv_sequences.csv"
    if not path.exists():
        pytest.skip(f"{path} is not there (a development data set outside the project)")
    rows = pandas.read_csv(path)
    rows["episode"] = rows.groupby(["group", "seq"]).ngroup()
    rows["step"] = rows.period - 1
    data = TrajectoryDataset.from_table(rows.assign(agent="me"), num_actions=2, columns={"action": "my"})
    assert (data.num_episodes, data.num_choices) == (32_614, 168_386)
    assert data.mask.sum(1).unique().numel() > 1  # supergames of random length


# Weights, and agents who take no part in an episode

LOGIT = dict(step_size=Fixed(0.3), inverse_temperature=Fixed(6.0), exploration=Fixed(0.05))


def entry_log():
    """Five episodes of four agents; who takes part in which, and what they did."""
    present = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 1, 0], [1, 0, 0, 0]], dtype=bool)
    actions = np.random.default_rng(0).integers(0, 3, (5, 9, 4))
    return actions, present


@pytest.mark.parametrize("weighted", [False, True])
def test_absent_agents_neither_count_nor_choose(weighted):
    """The likelihood is that of each episode alone, as a log of those who took part."""
    actions, present = entry_log()
    pi = np.random.default_rng(1).dirichlet(np.ones(3), (5, 9, 4))
    data = TrajectoryDataset.from_arrays(actions, 3, present=present, probabilities=pi)
    assert data.num_choices == present.sum() * 9
    data = data.weighted_by_probabilities() if weighted else data
    mechanism = Congestion((3,) * 4)
    mechanism.linear.data, mechanism.quadratic.data = torch.rand(2, 3, dtype=torch.float64)
    whole = LearningDynamics(mechanism, LogitQ((3,) * 4, **LOGIT)).log_likelihood(data)
    for e in range(5):
        sizes = (3,) * int(present[e].sum())
        alone = TrajectoryDataset.from_arrays(
            actions[e : e + 1, :, present[e]], sizes, probabilities=pi[e : e + 1, :, present[e]]
        )
        alone = alone.weighted_by_probabilities() if weighted else alone
        small = Congestion(sizes)
        small.load_state_dict(mechanism.state_dict())
        model = LearningDynamics(small, LogitQ(sizes, **LOGIT))
        torch.testing.assert_close(model.log_likelihood(alone)[0], whole[e], rtol=1e-10, atol=1e-10)


def test_absences_are_read_only_where_they_are_said_to_be_meant():
    actions, present = entry_log()
    e, t, i = (k.ravel() for k in np.indices(actions.shape))
    table = pandas.DataFrame({"episode": e, "step": t, "agent": i, "action": actions.ravel(), "payoff": 1.0})
    entered = table[present[e, i]].sample(frac=1, random_state=0)
    with pytest.raises(
        LogError, match=r"none of \['1'\].*took no part in a whole episode.*allow_absent=True"
    ):
        TrajectoryDataset.from_table(entered, num_actions=3)
    data = TrajectoryDataset.from_table(entered, num_actions=3, allow_absent=True)
    np.testing.assert_array_equal(data.present, present)
    assert torch.equal(data.observed()[:, 0], data.present)
    np.testing.assert_array_equal(
        data.actions[data.observed()], actions[np.broadcast_to(present[:, None], actions.shape)]
    )
    assert data.payoffs.isnan()[~data.observed()].all() and not data.payoffs.isnan()[data.observed()].any()
    late = entered[~((entered.episode == 0) & (entered.agent == 2) & (entered.step == 8))]
    with pytest.raises(LogError, match=r"step 8, found none of \['2'\]"):
        TrajectoryDataset.from_table(late, num_actions=3, allow_absent=True)
    everybody = TrajectoryDataset.from_table(table, num_actions=3, allow_absent=True)
    assert everybody.present is None


def test_absent_agents_are_refused_where_who_is_there_matters():
    actions, present = entry_log()
    data = TrajectoryDataset.from_arrays(actions, 3, present=present)
    sizes = data.num_actions
    with pytest.raises(TypeError, match="absent agents.*found TabularJoint"):
        LearningDynamics(TabularJoint(sizes), LogitQ(sizes, **LOGIT)).log_likelihood(data)
    with pytest.raises(ValueError, match="counts of 3 others in every situation; found from 0 to 3"):
        LearningDynamics(TabularAnonymous(sizes), LogitQ(sizes, **LOGIT)).log_likelihood(data)
    with pytest.raises(TypeError, match="does not read the others' actions.*found MemoryK"):
        LearningDynamics(Congestion(sizes), MemoryK(sizes)).log_likelihood(data)
    with pytest.raises(LogError, match="episode 1: expected somebody"):
        TrajectoryDataset.from_arrays(actions[:2], 3, present=[[True] * 4, [False] * 4])


def test_a_fit_with_entry_recovers_payoff_differences():
    """Two copies of one game, of 4 and of 2 of the agents: costs depend on who is there."""
    game = diml_envs.Congestion(4, 3, linear=[0.5, 1.0, 0.2], quadratic=[0.1, 0.0, 0.3], toll=[0, 0, 0])
    few = diml_envs.Congestion(2, 3, linear=[0.5, 1.0, 0.2], quadratic=[0.1, 0.0, 0.3], toll=[0, 0, 0])
    rule = diml_envs.LogitQ(step_size=0.3, inverse_temperature=3.0, exploration=0.05)
    one = diml_envs.simulate(game, rule, episodes=40, horizon=40, seed=0)
    two = diml_envs.simulate(few, rule, episodes=40, horizon=40, seed=1)
    actions = np.concatenate([one.actions, np.zeros_like(one.actions)])
    actions[40:, :, 1:3] = two.actions
    present = np.ones((80, 4), dtype=bool)
    present[40:, [0, 3]] = False
    data = TrajectoryDataset.from_arrays(actions, 3, present=present)
    known = LOGIT | {"inverse_temperature": Fixed(3.0)}
    result = fit(data, Congestion(data.num_actions), LogitQ(data.num_actions, **known), progress=False)
    truth = Congestion(data.num_actions)
    truth.linear.data, truth.quadratic.data = (torch.tensor(c) for c in (game.linear, game.quadratic))
    assert payoff_difference_r2(result.mechanism, truth, data) > 0.95
    with pytest.raises(TypeError, match="everybody takes part"):
        payoff_difference_r2(result.mechanism, game, data)
    assert result.num_choices == 40 * 40 * 6 and float(result.situations.visits.sum()) == result.num_choices


def test_weights_are_logged_probabilities_where_known_and_actions_elsewhere():
    pi = [[[[0.75, 0.25], [np.nan, np.nan]], [[1.0, 0.0], [0.5, 0.5]]]]
    data = TrajectoryDataset.from_arrays([[[0, 1], [0, 0]]], 2, probabilities=pi)
    soft = data.weighted_by_probabilities()
    assert soft.weights.tolist() == [[[[0.75, 0.25], [0.0, 1.0]], [[1.0, 0.0], [0.5, 0.5]]]]
    assert soft.select([0]).weights is not None and soft.num_choices == 4
    with pytest.raises(
        LogError, match="expected a log with the learners' own choice probabilities, found none"
    ):
        TrajectoryDataset.from_arrays([[[0, 1]]], 2).weighted_by_probabilities()
    closed = TrajectoryDataset.from_arrays(
        [[[0, 1]]],
        2,
        probabilities=[[[[0.75, 0.25], [0.5, 0.5]]]],
        available=[[[[True, False], [True, True]]]],
    )
    with pytest.raises(LogError, match="expected probability 0 for closed actions"):
        closed.weighted_by_probabilities()


def test_one_hot_probabilities_are_actions():
    actions, present = entry_log()
    data = TrajectoryDataset.from_arrays(
        actions, 3, probabilities=np.eye(3)[actions], lengths=[9, 2, 4, 9, 1]
    )
    model = LearningDynamics(Congestion((3,) * 4), LogitQ((3,) * 4, **LOGIT))
    torch.testing.assert_close(
        model.log_likelihood(data.weighted_by_probabilities()),
        model.log_likelihood(data),
        rtol=1e-12,
        atol=1e-12,
    )


@pytest.mark.slow
def test_probabilities_as_weights_estimate_with_less_noise_than_actions():
    """25 logs of 6 episodes: the standard error of the payoff differences at least halves."""
    game = diml_envs.Congestion(3, 3, seed=1)
    rule = diml_envs.LogitQ(step_size=0.3, inverse_temperature=3.0, exploration=0.05)
    log = diml_envs.simulate(game, rule, episodes=150, horizon=15, seed=0)
    data = TrajectoryDataset.from_arrays(log.actions, 3, probabilities=log.probabilities)
    known = LOGIT | {"inverse_temperature": Fixed(3.0)}

    def spread(part):
        found = []
        for k in range(25):
            mechanism = Congestion((3,) * 3)
            model = LearningDynamics(mechanism, LogitQ((3,) * 3, **known))
            maximise(model, Sample.of(part.select(range(6 * k, 6 * k + 6)), model), LBFGS(max_steps=30))
            load = mechanism.linear + 4 * mechanism.quadratic  # slopes of cost at load 2
            found.append((load - load.mean()).detach())
        return float(torch.stack(found).std(0).mean())

    assert spread(data.weighted_by_probabilities()) < 0.5 * spread(data)


def test_a_fit_in_float32_is_the_fit_in_float64():
    game = diml_envs.Congestion(3, 3, seed=1)
    rule = diml_envs.LogitQ(step_size=0.3, inverse_temperature=3.0, exploration=0.05)
    log = diml_envs.simulate(game, rule, episodes=30, horizon=30, seed=0)
    known = LOGIT | {"inverse_temperature": Fixed(3.0)}
    data = TrajectoryDataset.from_arrays(log.actions, 3, probabilities=log.probabilities)
    for part in (data, data.weighted_by_probabilities()):
        exact, rough = (
            fit(
                part,
                Congestion((3,) * 3),
                LogitQ((3,) * 3, **known),
                optimizer=LBFGS(dtype=dtype),
                progress=False,
            )
            for dtype in (torch.float64, torch.float32)
        )
        assert abs(exact.log_likelihood - rough.log_likelihood) < 0.01
