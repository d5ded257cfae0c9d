"""Properties of the population log in memory and on disk."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diml_envs.log import Log, load
from diml_envs.population_log import PopulationLog

ARRAYS = ("counts", "payoffs", "probabilities", "context", "lengths")


def full_log():
    """Two groups with 2 and 3 actions; the second episode is shorter; every optional column, some unknown."""
    mask = np.array([[True, True, True], [True, True, False]])
    counts = np.zeros((2, 3, 2, 3), int)
    counts[mask] = [[5, 2, 0], [0, 4, 7_000_000_000]]
    counts[0, 1] = [[0, 0, 0], [1, 1, 1]]
    probabilities = np.full(counts.shape, np.nan)
    probabilities[mask] = [[1 / 3, 2 / 3, 0.0], [0.5, 0.125, 0.375]]
    probabilities[0, 1, 1] = np.nan
    payoffs = np.where(counts > 0, np.arange(36.0).reshape(counts.shape) / 7, np.nan)
    context = np.where(mask[..., None], [[[0.5, 1.0], [2.0, 3.0], [1.0, 1 / 3]]], np.nan)
    provenance = {"seed": 3, "mechanism": {"class": "Anonymous"}}
    return PopulationLog(
        counts, (2, 3), ("car", "bus"), payoffs, probabilities, context, np.array([3, 2]), provenance
    )


def assert_same(one, other):
    for name in ("num_actions", "groups", "provenance"):
        assert getattr(one, name) == getattr(other, name)
    for name in ARRAYS:
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None), name
        if a is not None:
            assert a.dtype == b.dtype, name
            np.testing.assert_array_equal(a, b, err_msg=name)


@pytest.mark.parametrize("shard_rows", [1, 7, 1_000_000])
def test_saved_log_loads_as_it_was_for_any_shard_size(tmp_path, shard_rows):
    log = full_log()
    assert log.save(tmp_path / "log", shard_rows=shard_rows) == tmp_path / "log"
    assert_same(load(tmp_path / "log"), log)
    # 5 steps of 2 + 3 rows
    assert len(list((tmp_path / "log").iterdir())) == {1: 25, 7: 4, 1_000_000: 1}[shard_rows]


def test_file_has_the_types_and_metadata_of_the_format(tmp_path):
    schema = pq.read_schema(full_log().save(tmp_path / "log") / "part-00000.parquet")
    assert json.loads(schema.metadata[b"diml"]) == {
        "version": 1,
        "kind": "population",
        "groups": ["car", "bus"],
        "num_actions": [2, 3],
        "provenance": {"seed": 3, "mechanism": {"class": "Anonymous"}},
    }
    types = {"episode": pa.int64(), "step": pa.int32(), "action": pa.int32(), "count": pa.int64()}
    types |= {"group": pa.dictionary(pa.int32(), pa.string()), "payoff": pa.float64()}
    types |= {"probability": pa.float64()}
    assert {name: schema.field(name).type for name in types} == types
    assert schema.field("context").type.value_type == pa.float64()
    bare = PopulationLog(np.ones((1, 2, 1, 2), int), (2,)).save(tmp_path / "bare")
    names = pq.read_schema(bare / "part-00000.parquet").names
    assert names == ["episode", "step", "group", "action", "count"]


def test_pandas_reads_the_log_without_our_code_and_equals_to_pandas(tmp_path):
    pandas = pytest.importorskip("pandas")
    log = full_log()
    foreign, ours = pandas.read_parquet(log.save(tmp_path / "log", shard_rows=6)), log.to_pandas()
    assert list(foreign.columns) == list(ours.columns)
    for column in ("episode", "step", "action", "count", "payoff", "probability"):
        pandas.testing.assert_series_equal(foreign[column], ours[column], check_dtype=False)
    assert foreign["group"].tolist() == ours["group"].tolist() == ["car", "car", "bus", "bus", "bus"] * 5
    totals = foreign.groupby(["episode", "step", "group"], observed=True)["count"].sum()
    assert totals[0, 0, "car"] == 7 and totals[1, 1, "bus"] == 7_000_000_004


def test_save_refuses_to_overwrite_and_to_write_nothing(tmp_path):
    full_log().save(tmp_path / "log")
    with pytest.raises(FileExistsError, match="choose another path, or delete this log first"):
        full_log().save(tmp_path / "log")
    with pytest.raises(ValueError, match="expected at least one step to save, found none"):
        PopulationLog(np.zeros((1, 0, 1, 2), int), (2,)).save(tmp_path / "none")
    with pytest.raises(ValueError, match="shard_rows: expected at least 1, found 0"):
        full_log().save(tmp_path / "none", shard_rows=0)
    assert not (tmp_path / "none").exists()


def change_count(row, value):
    def change(table):
        counts = table["count"].to_pylist()
        counts[row] = value
        return table.set_column(table.column_names.index("count"), "count", pa.array(counts, pa.int64()))

    return change


def set_column(name, value):
    return lambda t: t.set_column(t.column_names.index(name), name, pa.array([value] * t.num_rows))


def set_about(**changes):
    def change(table):
        about = json.loads(table.schema.metadata[b"diml"]) | changes
        return table.replace_schema_metadata({b"diml": json.dumps(about).encode()})

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.slice(1), "found 24 rows instead of 25; part of the log is missing .*row with count 0"),
        (
            lambda t: pa.concat_tables([t.slice(0, 4), t.slice(5)]),
            "every action of every group at every step",
        ),
        (lambda t: pa.concat_tables([t, t.slice(3, 1)]), "found some more than once; add their counts up"),
        (lambda t: t.slice(0, 0), "log: expected at least one row, found none"),
        (change_count(6, -2), r"log: counts.0, 1, 0, 1.: expected at least 0 agents of car, found -2"),
        (change_count(6, None), "expected a value in every row of 'count', found empty ones"),
        (set_column("count", 0.5), "part-00000.parquet: expected whole numbers in the column 'count', found"),
        (set_column("group", 1), "part-00000.parquet: expected text in the column 'group', found int64"),
        (set_column("group", "tram"), "log: expected the groups car, bus, found tram"),
        (set_column("action", 2), "log: row 0: expected actions from 0 to 1 for car, found 2"),
        (set_column("action", -1), "log: row 0: expected actions from 0 to 1 for car, found -1"),
        (set_column("step", -1), "found some more than once|part of the log is missing"),
        (set_column("probability", 0.7), "log: probabilities: expected non-negative rows that sum to 1"),
        (
            lambda t: t.set_column(
                t.column_names.index("context"), "context", pa.array([[float(i)] for i in range(t.num_rows)])
            ),
            "log: expected one context for all groups of a step, found different ones",
        ),
        (
            lambda t: t.drop_columns("count"),
            "part-00000.parquet: expected the columns episode, step, group, action, count, found no count",
        ),
        (lambda t: t.replace_schema_metadata(None), "part-00000.parquet: .*without the metadata key 'diml'"),
        (set_about(version=2), "individual or a population log of version 1, .* of version 2"),
        (set_about(kind=["population"]), r"found kind \['population'\]"),
        (set_about(kind="individual"), "found no agents"),
        (
            lambda t: t.replace_schema_metadata({b"diml": b'{"version": 1, "kind": "population"}'}),
            "expected groups, num_actions, provenance .* found no groups, num_actions, provenance",
        ),
    ],
)
def test_load_refuses_files_that_are_no_whole_log(tmp_path, change, message):
    path = full_log().save(tmp_path / "log")
    file = path / "part-00000.parquet"
    pq.write_table(change(pq.read_table(file)), file)
    with pytest.raises(ValueError, match=message):
        load(path)


def test_load_names_the_file_that_is_cut_off_or_of_another_log(tmp_path):
    path = full_log().save(tmp_path / "log")
    Log(np.zeros((1, 4, 2), int), (2, 3)).save(tmp_path / "other")
    (tmp_path / "other" / "part-00000.parquet").rename(path / "part-00001.parquet")
    with pytest.raises(
        ValueError, match="part-00001.parquet: expected the groups and num_actions of part-0000"
    ):
        load(path)
    file = path / "part-00000.parquet"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(ValueError, match="part-00000.parquet: expected a whole Parquet file"):
        load(path)


def test_log_arrays_are_read_only_and_the_callers_stay_writeable():
    mine = np.ones((1, 2, 1, 2), int)
    log = PopulationLog(mine, (2,))
    with pytest.raises(ValueError, match="read-only"):
        log.counts[0, 0, 0, 0] = 1
    mine[0, 0, 0, 0] = 1


def test_sizes_shares_and_repr_tell_who_acted():
    log = full_log()
    assert log.sizes[:, :, 0].tolist() == [[7, 0, 7], [7, 7, 0]]
    np.testing.assert_array_equal(log.shares[0, 0, 0], [5 / 7, 2 / 7, 0])
    assert np.isnan(log.shares[0, 1, 0]).all() and np.isnan(log.shares[1, 2]).all()
    assert repr(log) == (
        "PopulationLog(2 episodes of up to 3 steps, car (7 agents), bus (7000000004 agents), "
        "num_actions=(2, 3), payoffs, probabilities, context)"
    )
    assert PopulationLog(np.ones((1, 2, 1, 2), int), (2,)).groups == ("all",)
    assert PopulationLog(np.ones((1, 2, 2, 2), int), (2, 2)).groups == ("group_0", "group_1")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"counts": np.ones((2, 3, 2), int)}, "counts: expected shape"),
        ({"counts": full_log().counts + 0.5}, "counts: expected whole numbers"),
        (
            {"counts": full_log().counts - 1},
            r"counts\[0, 0, 0, 2\]: expected at least 0 agents of car, found -1",
        ),
        ({"counts": np.ones((2, 3, 2, 3), int)}, "counts: expected 0 after an episode's end"),
        ({"num_actions": (3, 2)}, "beyond a group's own actions"),
        ({"num_actions": (2, 2)}, "num_actions: expected 2 positive sizes, .* largest 3, found"),
        ({"num_actions": (3,)}, "num_actions: expected 2 positive sizes"),
        ({"groups": ("car", "car")}, "groups: expected 2 different names"),
        ({"lengths": [3, 4]}, "lengths: expected 2 numbers from 0 to 3"),
        ({"payoffs": np.zeros((2, 3, 2))}, r"payoffs: expected shape \(2, 3, 2, 3\), found \(2, 3, 2\)"),
        ({"payoffs": np.full((2, 3, 2, 3), np.inf)}, "payoffs: expected finite"),
        ({"probabilities": np.full((2, 3, 2, 3), 1 / 3)}, "probabilities: expected 0 beyond"),
        ({"context": np.full((2, 3, 1), np.nan)}, "context: expected finite"),
        ({"context": np.zeros((2, 3))}, "context: expected shape"),
        ({"provenance": {"when": object()}}, "provenance: expected what JSON can hold"),
    ],
)
def test_log_refuses_what_does_not_fit(changes, message):
    names = ("counts", "num_actions", "groups", "lengths")
    arguments = {name: getattr(full_log(), name) for name in names} | changes
    with pytest.raises(ValueError, match=message):
        PopulationLog(**arguments)
