"""Properties of the log in memory and on disk."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from diml_envs.log import Log, LogWriter, load

ACTIONS = np.array([[[0, 2], [1, 1], [1, 0]], [[1, 2], [0, 0], [-1, -1]]])
MASK = np.array([[True, True, True], [True, True, False]])


def full_log():
    """Two agents with 2 and 3 actions; the second episode is shorter; every optional column, some unknown."""
    probabilities = np.full((2, 3, 2, 3), np.nan)
    probabilities[MASK] = [[0.25, 0.75, 0.0], [0.5, 0.125, 0.375]]
    probabilities[0, 1, 1] = np.nan
    payoffs = np.where(MASK[:, :, None], np.arange(12.0).reshape(2, 3, 2) / 7, np.nan)
    payoffs[0, 0, 1] = np.nan
    update = np.where(MASK[:, :, None], [0, -1], -1)
    context = np.where(MASK[:, :, None], [[[0.5], [2.0], [1.0]]], np.nan)
    provenance = {"seed": 3, "env": {"id": "diml/matrix-v0"}}
    return Log(
        ACTIONS,
        (2, 3),
        ("left", "right"),
        payoffs,
        probabilities,
        update,
        context,
        np.array([3, 2]),
        provenance,
    )


def assert_same(one, other):
    assert (one.num_actions, one.agents, one.provenance) == (
        other.num_actions,
        other.agents,
        other.provenance,
    )
    for name in ("actions", "payoffs", "probabilities", "update", "context", "lengths"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None), name
        if a is not None:
            assert a.dtype == b.dtype, name
            np.testing.assert_array_equal(a, b, err_msg=name)


@pytest.mark.parametrize("shard_rows", [1, 4, 1_000_000])
def test_saved_log_loads_as_it_was_for_any_shard_size(tmp_path, shard_rows):
    log = full_log()
    assert log.save(tmp_path / "log", shard_rows=shard_rows) == tmp_path / "log"
    assert_same(load(tmp_path / "log"), log)
    # 5 joint steps of 2 rows: one step, two steps or all steps to a shard
    assert len(list((tmp_path / "log").iterdir())) == {1: 5, 4: 3, 1_000_000: 1}[shard_rows]


def test_log_of_actions_alone_has_no_optional_column(tmp_path):
    path = Log(np.zeros((1, 4, 3), int), (1, 1, 1)).save(tmp_path / "log")
    file = path / "part-00000.parquet"
    assert pq.read_schema(file).names == ["episode", "step", "agent", "action"]
    log = load(file)
    assert log.payoffs is None and log.update is None and log.agents == ("agent_0", "agent_1", "agent_2")


def test_file_has_the_types_and_metadata_of_the_format(tmp_path):
    schema = pq.read_schema(full_log().save(tmp_path / "log") / "part-00000.parquet")
    about = json.loads(schema.metadata[b"diml"])
    assert about == {
        "version": 1,
        "kind": "individual",
        "agents": ["left", "right"],
        "num_actions": [2, 3],
        "provenance": {"seed": 3, "env": {"id": "diml/matrix-v0"}},
    }
    types = {"episode": pa.int64(), "step": pa.int32(), "action": pa.int32(), "payoff": pa.float64()}
    types |= {"update": pa.int32(), "agent": pa.dictionary(pa.int32(), pa.string())}
    assert {name: schema.field(name).type for name in types} == types
    assert schema.field("probabilities").type.value_type == pa.float32()
    assert schema.field("context").type.value_type == pa.float64()


def test_rows_on_disk_are_what_was_logged_and_unknown_is_null(tmp_path):
    table = pyarrow.dataset.dataset(full_log().save(tmp_path / "log", shard_rows=2)).to_table()
    rows = table.to_pylist()
    assert [(r["episode"], r["step"], r["agent"], r["action"]) for r in rows[:4]] == [
        (0, 0, "left", 0),
        (0, 0, "right", 2),
        (0, 1, "left", 1),
        (0, 1, "right", 1),
    ]
    assert len(rows) == 10
    assert rows[1]["payoff"] is None and rows[2]["payoff"] == 2 / 7
    assert rows[0]["probabilities"] == [0.25, 0.75]  # own actions only
    assert rows[1]["probabilities"] == [0.5, 0.125, 0.375] and rows[3]["probabilities"] is None
    assert rows[0]["update"] == 0 and rows[1]["update"] is None
    assert rows[2]["context"] == rows[3]["context"] == [2.0]


def test_pandas_reads_the_log_without_our_code_and_equals_to_pandas(tmp_path):
    pandas = pytest.importorskip("pandas")
    log = full_log()
    foreign = pandas.read_parquet(log.save(tmp_path / "log", shard_rows=2))
    ours = log.to_pandas()
    assert list(foreign.columns) == list(ours.columns)
    for column in ("episode", "step", "action", "payoff", "update"):
        pandas.testing.assert_series_equal(foreign[column], ours[column], check_dtype=False)
    assert foreign["agent"].tolist() == ours["agent"].tolist() == ["left", "right"] * 5


def test_writer_refuses_to_overwrite_a_log(tmp_path):
    full_log().save(tmp_path / "log")
    for path in (tmp_path / "log", tmp_path / "log" / "part-00000.parquet"):
        with pytest.raises(FileExistsError, match="choose another path, or delete this log first"):
            LogWriter(path, num_actions=(2, 3))
    assert_same(load(tmp_path / "log"), full_log())


def test_steps_appended_one_by_one_are_kept_when_the_block_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), LogWriter(tmp_path / "log", num_actions=(2, 3)) as writer:
        writer.append(0, 0, [1, 2], payoffs=[0.5, np.nan])
        writer.append(0, 1, [0, 1], payoffs=[0.0, 1.0])
        1 / 0  # noqa: B018
    log = load(tmp_path / "log")
    assert log.actions.tolist() == [[[1, 2], [0, 1]]]
    np.testing.assert_array_equal(log.payoffs, [[[0.5, np.nan], [0.0, 1.0]]])


def test_writers_of_different_stems_share_a_folder(tmp_path):
    for episode in (1, 0):
        with LogWriter(tmp_path, num_actions=(4,), stem=f"episode-{episode}") as writer:
            writer.append(episode, 0, [episode + 2])
    assert load(tmp_path).actions.ravel().tolist() == [2, 3]
    with pytest.raises(FileExistsError):
        LogWriter(tmp_path, num_actions=(4,), stem="episode-0")


def test_shards_of_different_columns_read_as_unknown(tmp_path):
    with LogWriter(tmp_path, num_actions=(4,), stem="a") as writer:
        writer.append(0, 0, [1], payoffs=[2.0], update=[5])
    with LogWriter(tmp_path, num_actions=(4,), stem="b") as writer:
        writer.append(1, 0, [3])
    log = load(tmp_path)
    assert log.update.ravel().tolist() == [5, -1]
    np.testing.assert_array_equal(log.payoffs.ravel(), [2.0, np.nan])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"actions": [0.5, 1]}, "action: expected whole numbers, found float64"),
        ({"step": 0.5}, "step: expected whole numbers, found float64"),
        ({"actions": [0, 1], "update": [0.0, 1.0]}, "update: expected whole numbers, found float64"),
        ({"actions": [0, 3]}, "action: expected 0 to 2 for agent_1, found 3"),
        ({"actions": [-1, 0]}, "action: expected 0 to 1 for agent_0, found -1"),
    ],
)
def test_writer_refuses_actions_that_are_none(tmp_path, wrong, message):
    with LogWriter(tmp_path / "log", num_actions=(2, 3)) as writer:
        with pytest.raises(ValueError, match=message):
            writer.append(**{"episode": 0, "step": 0, "actions": [0, 0], **wrong})
        writer.append(0, 0, [1, 2])
    assert load(tmp_path / "log").actions.tolist() == [[[1, 2]]]


def test_writer_refuses_columns_or_shapes_that_change(tmp_path):
    with LogWriter(tmp_path, num_actions=(2, 3)) as writer:
        writer.append(0, 0, [1, 2], payoffs=[0.5, 0.1])
        with pytest.raises(ValueError, match="expected the columns of the log's first step"):
            writer.append(0, 1, [1, 2])
        with pytest.raises(ValueError, match=r"payoff: expected an array of shape \(1, 2\), found \(1, 3\)"):
            writer.append(0, 1, [1, 2], payoffs=[0.5, 0.1, 0.2])


@pytest.mark.slow
def test_killed_process_loses_only_the_unfinished_shard(tmp_path):
    program = textwrap.dedent(
        """
        import os, signal, sys
        from diml_envs.log import LogWriter
        writer = LogWriter(sys.argv[1], num_actions=(3, 3), rows_per_shard=20)
        for step in range(47):  # four shards of ten steps and seven steps more
            writer.append(0, step, [step % 3, 0])
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "log"], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    (tmp_path / "log" / "part-00004.parquet.tmp").write_bytes(b"PAR1 and no more")  # killed while writing
    log = load(tmp_path / "log")
    assert log.actions[0, :, 0].tolist() == [step % 3 for step in range(40)]


def test_log_arrays_are_read_only_and_the_callers_stay_writeable():
    mine = ACTIONS.copy()
    log = Log(mine, (2, 3), lengths=[3, 2])
    with pytest.raises(ValueError, match="read-only"):
        log.actions[0, 0, 0] = 1
    mine[0, 0, 0] = 1


def test_mask_and_repr_tell_the_sizes():
    log = full_log()
    np.testing.assert_array_equal(log.mask, MASK)
    expected = "Log(2 episodes of up to 3 steps, 2 agents, num_actions=(2, 3), "
    assert repr(log) == expected + "payoffs, probabilities, update, context)"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"actions": ACTIONS[0]}, "actions: expected shape"),
        ({"actions": ACTIONS + 0.5}, "actions: expected whole numbers"),
        ({"num_actions": (2,)}, "num_actions: expected 2 positive sizes"),
        ({"num_actions": (2, 2)}, r"actions\[0, 0, 1\]: expected 0 to 1 for right, found 2"),
        ({"agents": ("left", "left")}, "agents: expected 2 different names"),
        ({"lengths": [3, 4]}, "lengths: expected 2 numbers from 0 to 3"),
        ({"lengths": [3, 1]}, "actions: expected -1 after an episode's end"),
        ({"payoffs": np.zeros((2, 3))}, r"payoffs: expected shape \(2, 3, 2\), found \(2, 3\)"),
        ({"payoffs": np.full((2, 3, 2), np.inf)}, "payoffs: expected finite"),
        ({"probabilities": np.full((2, 3, 2, 3), 0.5)}, "probabilities: expected 0 beyond"),
        ({"probabilities": np.full((2, 3, 2, 3), [0.5, 0.4, 0])}, "rows that sum to 1"),
        ({"update": np.full((2, 3, 2), -2)}, "update: expected indices from 0"),
        ({"context": np.full((2, 3, 1), np.nan)}, "context: expected finite"),
        ({"provenance": {"when": object()}}, "provenance: expected what JSON can hold"),
    ],
)
def test_log_refuses_what_does_not_fit(changes, message):
    names = ("actions", "num_actions", "agents", "lengths")
    arguments = {name: getattr(full_log(), name) for name in names} | changes
    with pytest.raises(ValueError, match=message):
        Log(**arguments)


def rewrite(path, change):
    """Applies a change to the one shard of a log, keeping its metadata unless the change replaces it."""
    file = path / "part-00000.parquet"
    pq.write_table(change(pq.read_table(file)), file)


def set_about(**changes):
    def change(table):
        about = json.loads(table.schema.metadata[b"diml"]) | changes
        return table.replace_schema_metadata({b"diml": json.dumps(about).encode()})

    return change


def set_metadata(text):
    return lambda table: table.replace_schema_metadata({b"diml": text})


def set_column(name, value):
    """Gives every row the same value in a column."""
    return lambda t: t.set_column(t.column_names.index(name), name, pa.array([value] * t.num_rows))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            set_metadata(b"{version"),
            "part-00000.parquet: expected a JSON object under the metadata key 'diml'",
        ),
        (set_metadata(b"[1]"), "expected a JSON object under the metadata key 'diml', found .*1"),
        (set_metadata(b'{"version": 1, "kind": "individual"}'), "found no agents, num_actions, provenance"),
        (set_column("action", 0.5), "expected whole numbers in the column 'action', found double"),
        (set_column("episode", 0.5), "expected whole numbers in the column 'episode', found double"),
        (set_column("step", "x"), "expected whole numbers in the column 'step', found string"),
        (set_column("agent", 1), "expected text in the column 'agent', found int64"),
        (set_column("payoff", "x"), "expected numbers in the column 'payoff', found string"),
        (set_column("update", 0.5), "expected whole numbers in the column 'update', found double"),
        (set_column("probabilities", 0.5), "lists of numbers in the column 'probabilities', found double"),
        (set_column("context", ["x"]), "lists of numbers in the column 'context', found list<.*: string>"),
        (set_column("action", 7), r"log: actions.0, 0, 0.: expected 0 to 1 for left, found 7"),
        (lambda t: t.slice(0, 0), "expected at least one row, found none"),
        (lambda t: t.slice(1), "expected every agent at every step from 0, found 9 rows instead of 10"),
        (lambda t: pa.concat_tables([t, t.slice(0, 1)]), "found some more than once"),
        (lambda t: t.drop_columns("action"), "found no action"),
        (lambda t: t.replace_schema_metadata(None), "without the metadata key 'diml'"),
        (lambda t: t.append_column("available", pa.array([[True]] * t.num_rows)), "diml_inverse.load_log"),
        (set_about(version=2), "of version 2"),
        (set_about(kind="sample"), "found kind 'sample'"),
        (set_about(agents=["left", "middle"]), "expected the agents left, middle, found right"),
        (set_about(num_actions=[3, 3]), "row 0: expected a list of 3 numbers, found 2"),
    ],
)
def test_load_refuses_files_that_are_no_whole_log(tmp_path, change, message):
    path = full_log().save(tmp_path / "log")
    rewrite(path, change)
    with pytest.raises(ValueError, match=message):
        load(path)


def test_load_names_the_file_that_is_cut_off(tmp_path):
    path = full_log().save(tmp_path / "log")
    file = path / "part-00000.parquet"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(ValueError, match="part-00000.parquet: expected a whole Parquet file"):
        load(path)


def test_load_and_save_of_nothing_say_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="found nothing"):
        load(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="no shard in the folder"):
        load(tmp_path)
    with pytest.raises(ValueError, match="expected at least one step"):
        Log(np.zeros((1, 0, 2), int), (2, 2)).save(tmp_path / "log")
