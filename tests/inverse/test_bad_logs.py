"""A corpus of bad logs: each is refused, with the place, what was expected, what was found and what to do.

The good log they all derive from has two episodes (numbers 4 and 7, of 3 and 2 steps) of two agents with 2
and 3 actions. Its rows lie in order of episode, step, agent: row r (from 1) is episode 4 up to row 6, then 7.
"""

import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diml_inverse.data import LogError, TrajectoryDataset, load_log

AGENTS, SIZES = ["ann", "bob"], [2, 3]
META = {"version": 1, "kind": "individual", "agents": AGENTS, "num_actions": SIZES, "provenance": {"seed": 1}}
STEPS = [(4, 0), (4, 1), (4, 2), (7, 0), (7, 1)]
TYPES = {
    "episode": pa.int64(),
    "step": pa.int32(),
    "agent": pa.dictionary(pa.int32(), pa.string()),
    "action": pa.int32(),
    "payoff": pa.float64(),
    "probabilities": pa.list_(pa.float32()),
    "update": pa.int32(),
    "context": pa.list_(pa.float64()),
    "available": pa.list_(pa.bool_()),
}


def good():
    """The good log as lists, row by row."""
    return {
        "episode": [e for e, _ in STEPS for _ in AGENTS],
        "step": [s for _, s in STEPS for _ in AGENTS],
        "agent": AGENTS * len(STEPS),
        "action": [0, 2, 1, 0, 0, 1, 1, 1, 0, 2],
        "payoff": [0.5 * r for r in range(10)],
        "probabilities": [[0.5, 0.5], [0.2, 0.3, 0.5]] * 5,
        "update": [0, 0, 0, 1, 1, 1, 0, 0, 2, 0],
        "context": [[float(s), 1.0] for _, s in STEPS for _ in AGENTS],
        "available": [[True, True], [True, True, True]] * 5,
    }


def plain():
    """The good log's required columns and its payoffs."""
    return {k: v for k, v in good().items() if k in ("episode", "step", "agent", "action", "payoff")}


def table(columns, types=TYPES, meta=META):
    built = pa.table({name: pa.array(values, types[name]) for name, values in columns.items()})
    return built if meta is None else built.replace_schema_metadata({"diml": json.dumps(meta)})


def write(path, columns=None, types=TYPES, meta=META, name="log.parquet"):
    pq.write_table(table(good() if columns is None else columns, types, meta), path / name)
    return path / name


def cell(column, row, value, types=None, meta=META, **arguments):
    """A good file in which one cell (row from 1) is changed."""

    def build(path):
        columns = good()
        columns[column][row - 1] = value
        return load_log(write(path, columns, TYPES | (types or {}), meta), **arguments)

    return build


def rows(keep, **arguments):
    """A good file with only the rows listed (from 1), in that order."""

    def build(path):
        columns = {name: [values[r - 1] for r in keep] for name, values in good().items()}
        return load_log(write(path, columns), **arguments)

    return build


def header(**changes):
    """A good file whose metadata are changed; None removes a key."""
    meta = {k: v for k, v in (META | changes).items() if v is not None}
    return lambda path: load_log(write(path, meta=meta))


def retyped(column, values, kind):
    """A good file in which one column holds other values of another type."""
    return lambda path: load_log(write(path, good() | {column: values}, TYPES | {column: kind}))


def without(*names):
    return lambda path: load_log(write(path, {k: v for k, v in good().items() if k not in names}))


def foreign(columns=None, names=None, **arguments):
    """A file without our metadata; `names` renames its columns."""

    def build(path):
        built = table(columns or good(), meta=None)
        built = built.rename_columns([(names or {}).get(c, c) for c in built.column_names])
        pq.write_table(built, path / "foreign.parquet")
        return load_log(path / "foreign.parquet", **arguments)

    return build


def text(content, name="log.csv", **arguments):
    """A CSV file with this content."""

    def build(path):
        data = content if isinstance(content, bytes) else content.encode()
        (path / name).write_bytes(data)
        return load_log(path / name, **({"num_actions": [2, 3]} | arguments))

    return build


def damaged(change):
    """A good Parquet file whose bytes are changed."""

    def build(path):
        file = write(path)
        file.write_bytes(change(file.read_bytes()))
        return load_log(file)

    return build


def two_shards(first=META, second=META, drop=None, names=("part-00000.parquet", "part-00001.parquet")):
    """A folder with one episode per shard, `drop` a column missing in the second."""

    def build(path):
        columns = good()
        write(path, {k: v[:6] for k, v in columns.items()}, meta=first, name=names[0])
        write(path, {k: v[6:] for k, v in columns.items() if k != drop}, meta=second, name=names[1])
        return load_log(path)

    return build


def folder(*names):
    def build(path):
        for name in names:
            (path / name).write_text("notes")
        return load_log(path)

    return build


ACTIONS = np.array([[[0, 2], [1, 0]], [[1, 1], [0, 2]]])


def arrays(actions=ACTIONS, num_actions=(2, 3), **arguments):
    return lambda path: TrajectoryDataset.from_arrays(actions, num_actions, **arguments)


def put(array, index, value):
    array = np.array(array)
    array[index] = value
    return array


PROBABILITIES = np.tile(np.array([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]]), (2, 2, 1, 1))
OPEN = np.tile(np.array([[True, True, False], [True, True, True]]), (2, 2, 1, 1))


def frame(change, **arguments):
    """The good log as a pandas.DataFrame, changed."""

    def build(path):
        pandas = pytest.importorskip("pandas")
        return TrajectoryDataset.from_table(
            change(pandas.DataFrame(plain())), **({"num_actions": [2, 3]} | arguments)
        )

    return build


CSV = "episode,step,agent,action\n0,0,ann,1\n0,0,bob,2\n"
NAN, INF = float("nan"), float("inf")

# name, builder, fragments of the message (each a regular expression)
CORPUS = [
    # --- rows
    ("duplicate_row", rows([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 8]),
     [r"log\.parquet, data row 11 \(episode 7, step 0, agent 'bob'", "duplicate of", "data row 8",
      "Drop one"]),
    ("two_runs_under_one_episode_number", rows([1, 2, 3, 4, 5, 6] * 2),
     ["data row 7", "duplicate", "different episode"]),
    ("agent_missing_at_a_step", rows([1, 2, 3, 5, 6, 7, 8, 9, 10]),
     [r"data row 3 \(episode 4, step 1", r"found none of \['bob'\]", "add the missing rows"]),
    ("agent_never_there", rows([1, 3, 5, 7, 9]), [r"none of \['bob'\]", r"No row at all names \['bob'\]"]),
    ("agent_missing_at_the_last_step", rows([1, 2, 3, 4, 5, 6, 7, 8, 9]),
     ["episode 7, step 1", r"\['bob'\]"]),
    ("hole_in_the_steps", rows([1, 2, 5, 6, 7, 8, 9, 10]),
     [r"data row 3 \(episode 4, step 2", "column 'step'", "expected step 1 after step 0, found 2", "hole"]),
    ("hole_of_two_thousand_million", cell("step", 5, 2_000_000_000),
     ["column 'step'", "found 2000000000: a hole"]),
    ("episode_starts_at_step_1", rows([1, 2, 3, 4, 5, 6, 9, 10]),
     [r"data row 7 \(episode 7", "start at step 0, found 1", "cut at its start"]),
    ("steps_count_from_1", lambda p: load_log(write(p, good() | {"step": [s + 1 for s in good()["step"]]})),
     ["column 'step'", "found 1 as its first"]),
    ("negative_step", cell("step", 1, -1), ["data row 1", "found -1"]),
    ("unknown_agent", cell("agent", 4, "bop"),
     ["data row 4", "column 'agent'", r"one of the agents \['ann', 'bob'\], found 'bop'",
      "Did you mean 'bob'"]),
    ("null_agent", cell("agent", 2, None), ["data row 2", "column 'agent'", "found null"]),
    ("null_episode", cell("episode", 6, None),
     ["data row 6", "column 'episode'", "whole number, found null"]),
    # --- actions
    ("action_out_of_range", cell("action", 3, 2),
     ["log.parquet, data row 3", "column 'action'", "from 0 to 1, found 2", "num_actions"]),
    ("action_out_of_range_in_several_rows", lambda p: load_log(write(p, good() | {"action": [0, 3] * 5})),
     ["data row 2", "from 0 to 2, found 3", "and 4 more like it"]),
    ("negative_action", cell("action", 10, -1), ["data row 10", "found -1", "padding"]),
    ("null_action", cell("action", 7, None),
     ["data row 7", "column 'action'", "found null", "drop the episode"]),
    ("action_not_whole", cell("action", 5, 0.5, {"action": pa.float64()}),
     ["data row 5", "expected a whole number, found 0.5"]),
    ("action_nan", cell("action", 5, NAN, {"action": pa.float64()}),
     ["data row 5", "whole number, found nan"]),
    ("action_infinite", cell("action", 5, INF, {"action": pa.float32()}),
     ["data row 5", "whole number, found inf"]),
    ("action_text", retyped("action", ["0"] * 10, pa.string()),
     ["column 'action'", "expected whole numbers, found type string", "Convert"]),
    ("action_boolean", retyped("action", [True] * 10, pa.bool_()), ["column 'action'", "found type bool"]),
    ("episode_text", retyped("episode", ["a"] * 10, pa.string()), ["column 'episode'", "found type string"]),
    ("step_a_time", retyped("step", [0] * 10, pa.timestamp("s")), ["column 'step'", "found type timestamp"]),
    ("agent_floating_point", retyped("agent", [0.0, 1.0] * 5, pa.float64()),
     ["column 'agent'", "found type double"]),
    ("episode_beyond_64_bits", retyped("episode", [2**63 + 1] * 10, pa.uint64()),
     ["column 'episode'", "64-bit"]),
    # --- payoff, probabilities, context, available, update
    ("payoff_infinite", cell("payoff", 8, INF),
     ["data row 8", "column 'payoff'", "finite number or null, found inf"]),
    ("payoff_text", retyped("payoff", ["1"] * 10, pa.string()), ["column 'payoff'", "found type string"]),
    ("probabilities_do_not_add_up", cell("probabilities", 2, [0.2, 0.3, 0.4]),
     ["data row 2", "column 'probabilities'", "add up to 1, found a sum of 0.9"]),
    ("probabilities_off_by_more_than_float32", cell("probabilities", 1, [0.5, 0.4999]),
     ["data row 1", "sum of 0.9999"]),
    ("probabilities_too_short", cell("probabilities", 2, [0.5, 0.5]),
     ["data row 2", "list of 3", "found 2", "num_actions"]),
    ("probabilities_too_long", cell("probabilities", 3, [0.5, 0.25, 0.25]),
     ["data row 3", "list of 2", "found 3"]),
    ("probabilities_empty", cell("probabilities", 3, []), ["data row 3", "list of 2", "found 0"]),
    ("probability_negative", cell("probabilities", 1, [1.5, -0.5]),
     ["data row 1", "at least 0", r"\[1.5, -0.5\]"]),
    ("probability_nan", cell("probabilities", 2, [0.5, 0.5, NAN]),
     ["data row 2", "finite numbers", "nan", "null"]),
    ("probability_infinite", cell("probabilities", 1, [INF, 0.0]), ["data row 1", "finite numbers", "inf"]),
    ("probability_null", cell("probabilities", 4, [0.5, None, 0.5]),
     ["data row 4", "found null", "Fill the list"]),
    ("probabilities_not_lists", retyped("probabilities", [0.5] * 10, pa.float64()),
     ["column 'probabilities'", "lists of numbers, found type double"]),
    ("context_nan", lambda p: load_log(write(p, good() | {"context": [[NAN, 1.0]] * 10})),
     ["data row 1 ", "column 'context'", "finite numbers", "nan"]),
    ("context_infinite", lambda p: load_log(write(p, good() | {"context": [[1.0, -INF]] * 10})),
     ["finite", "-inf"]),
    ("context_varies_in_length", cell("context", 5, [2.0]), ["data row 5", "list of 2 numbers", "found 1"]),
    ("context_differs_between_agents", cell("context", 4, [1.0, 9.0]),
     ["data row 4", r"context \[1.0, 1.0\] of the step's first agent", r"found \[1.0, 9.0\]", "public"]),
    ("context_nan_for_one_agent", cell("context", 4, [1.0, NAN]), ["data row 4", "nan"]),
    ("context_null", cell("context", 4, None), ["data row 4", "column 'context'", "found null"]),
    ("context_empty_lists", lambda p: load_log(write(p, good() | {"context": [[]] * 10})),
     ["column 'context'", "at least 1", "found 0", "leave the column out"]),
    ("context_text", retyped("context", [["a"]] * 10, pa.list_(pa.string())), ["column 'context'", "list<"]),
    ("available_wrong_length", cell("available", 2, [True, True]),
     ["data row 2", "column 'available'", "list of 3"]),
    ("available_chosen_action_closed", cell("available", 2, [True, True, False]),
     ["data row 2", "chosen action to be open", r"action 2 closed: \[True, True, False\]"]),
    ("available_nothing", cell("available", 1, [False, False]),
     ["data row 1", "at least one open action, found none"]),
    ("available_null", cell("available", 1, None), ["data row 1", "column 'available'", "found null"]),
    ("available_numbers", retyped("available", [[1, 1], [1, 1, 1]] * 5, pa.list_(pa.int8())),
     ["column 'available'", "lists of true/false"]),
    ("update_decreases", cell("update", 3, 2),  # ann at step 1; at step 2 she has 1
     ["data row 5", "column 'update'", "never decrease", "found 1 after a larger"]),
    ("update_negative", cell("update", 1, -1), ["data row 1", "column 'update'", "at least 0, found -1"]),
    ("update_known_at_some_steps", cell("update", 3, None),
     ["data row 3", "at every step of an episode or at none"]),
    # --- metadata
    ("version_unknown", header(version=2),
     ["log.parquet, metadata key 'diml'", "version 1, found 2", "install"]),
    ("version_missing", header(version=None), ["version 1, found None"]),
    ("version_true", header(version=True), ["version 1, found True"]),
    ("kind_population_without_groups", header(kind="population"),
     ["'groups' as a list of labels, found None"]),
    ("kind_population_without_counts", header(kind="population", groups=list(AGENTS)),
     ["expected a column 'group'", "columns={'group': ...}"]),
    ("kind_unknown", header(kind="crowd"), ["kind 'individual' or 'population', found 'crowd'"]),
    ("agents_not_a_list", header(agents="ann"), ["'agents' as a list of labels, found 'ann'"]),
    ("agents_twice", header(agents=["ann", "ann"]), ["distinct labels", "'ann' more than once"]),
    ("num_actions_too_few", header(num_actions=[2]), ["list of 2 whole numbers", r"found \[2\]"]),
    ("num_actions_missing", header(num_actions=None), ["'num_actions'", "found None"]),
    ("num_actions_zero", header(num_actions=[2, 0]), ["agent 'bob'", "at least 1, found 0"]),
    ("num_actions_not_whole", header(num_actions=[2, 2.5]), ["agent 'bob'", "found 2.5"]),
    ("provenance_not_an_object", header(provenance=[1]), ["'provenance' as an object"]),
    ("metadata_not_json", lambda p: load_log(_raw_metadata(p, b"{version: 1")),
     ["expected JSON", "version: 1"]),
    ("metadata_not_text", lambda p: load_log(_raw_metadata(p, b"\xff\xfe")), ["expected JSON"]),
    ("metadata_a_list", lambda p: load_log(_raw_metadata(p, b"[1]")), ["JSON object"]),
    ("other_agents_than_the_argument", lambda p: load_log(write(p), agents=["bob", "ann"]),
     [r"agents \['bob', 'ann'\]", "Leave agents= out"]),
    ("other_num_actions_than_the_argument", lambda p: load_log(write(p), num_actions=3),
     ["num_actions 3", r"found \[2, 3\]", "Leave num_actions= out"]),
    # --- files and folders
    ("nothing_at_the_path", lambda p: load_log(write(p).with_name("lag.parquet")),
     ["lag.parquet", "found nothing there", "Did you mean 'log.parquet'"]),
    ("folder_of_the_path_missing", lambda p: load_log(p / "no" / "such" / "log"), ["found nothing there"]),
    ("empty_folder", folder(), ["Parquet shards", "an empty folder"]),
    ("folder_of_other_files", folder("readme.txt"), ["Parquet shards", "readme.txt"]),
    ("folder_with_an_unfinished_shard_only", folder("part-00000.parquet.tmp"), ["part-00000.parquet.tmp"]),
    ("truncated_file", damaged(lambda b: b[: len(b) // 2]),
     ["log.parquet", "whole Parquet file", "truncated", "Copy"]),
    ("empty_file", damaged(lambda b: b""), ["log.parquet", "an empty file"]),
    ("not_parquet", damaged(lambda b: b"{}" * 50), ["expected a Parquet file", "'{}{}'"]),
    ("damaged_inside", damaged(lambda b: b[:4] + b"\xff" * (len(b) - 12) + b[-8:]),
     ["readable Parquet file", "damage"]),
    ("empty_log", rows([]), ["log.parquet", "found an empty log"]),
    ("missing_shard", two_shards(names=("part-00000.parquet", "part-00002.parquet")),
     ["'part-00002.parquet' where number 1 belongs", "Copy the missing shard"]),
    ("shards_disagree_in_num_actions", two_shards(second=META | {"num_actions": [2, 4]}),
     ["part-00001.parquet", "'num_actions' as in", r"\[2, 3\]", r"found \[2, 4\]"]),
    ("shards_of_two_runs", two_shards(second=META | {"provenance": {"seed": 2}}),
     ["'provenance' as in", "one log only"]),
    ("one_shard_without_metadata", two_shards(second=None), ["part-00001.parquet", "found None"]),
    ("shards_disagree_in_columns", two_shards(drop="payoff"),
     ["part-00001.parquet, column 'payoff'", "same columns"]),
    # --- columns
    ("missing_column", without("action"), ["a column 'action'", r"columns=\{'action'"]),
    ("missing_column_misspelt", foreign(names={"agent": "agents"}, num_actions=3), ["Did you mean 'agents'"]),
    ("mapping_to_a_column_that_is_not_there", lambda p: load_log(write(p), columns={"payoff": "payof"}),
     ["log.parquet: expected a column 'payof'", "names it as 'payoff'", "Did you mean 'payoff'"]),
    ("mapping_from_an_unknown_name", lambda p: load_log(write(p), columns={"actoin": "action"}),
     ["found 'actoin'", "Did you mean 'action'"]),
    ("mapping_uses_a_column_twice", lambda p: load_log(write(p), columns={"step": "episode"}),
     ["used once", "'episode'"]),
    ("foreign_without_num_actions", foreign(),
     ["foreign.parquet", "foreign table", "Give num_actions=", "never guessed"]),
    ("num_actions_for_other_agents", foreign(num_actions={"ann": 2, "eve": 3}),
     ["exactly the agents", "'bob' is missing"]),
    ("num_actions_for_too_many_agents", foreign(num_actions=[2, 3, 4]), ["one per agent", "found 3"]),
    ("num_actions_too_small", foreign(plain(), num_actions=2),
     ["foreign.parquet, data row 2", "from 0 to 1, found 2"]),
    ("agents_argument_lacks_one", foreign(num_actions=3, agents=["ann"]),
     ["data row 2", r"agents \['ann'\], found 'bob'"]),
    ("agents_argument_has_one_too_many", foreign(num_actions=3, agents=["ann", "bob", "eve"]),
     [r"none of \['eve'\]"]),
    # --- CSV
    ("csv_unparsable_number", text(CSV + "0,1,ann,one\n0,1,bob,1\n"),
     ["log.csv, data row 3", "column 'action'", "expected a number, found 'one'. Mend the value."]),
    ("csv_action_not_whole", text(CSV + "0,1,ann,1\n0,1,bob,1.5\n"),
     ["data row 4", "whole number, found 1.5"]),
    ("csv_empty_cell", text(CSV + "0,1,ann,\n0,1,bob,1\n"), ["data row 3", "column 'action'", "found null"]),
    ("csv_too_few_cells", text(CSV + "0,1,ann\n"), ["log.csv, data row 3", "4 cells", "found 3: '0,1,ann'"]),
    ("csv_empty", text(""), ["log.csv", "header line"]),
    ("csv_header_only", text("episode,step,agent,action\n"), ["found an empty log"]),
    ("csv_semicolons", text(CSV.replace(",", ";")), ["comma-separated", r"sep="]),
    ("csv_not_utf8", text(CSV.encode("utf-16")), ["UTF-8"]),
    ("csv_without_num_actions", text(CSV, num_actions=None), ["log.csv", "Give num_actions="]),
    ("csv_column_twice", text("episode,step,agent,action,action\n0,0,a,1,1\n"),
     ["'action'", "more than once"]),
    ("csv_broken_list", text("episode,step,agent,action,context\n0,0,a,1,\"[1, x]\"\n", num_actions=2),
     ["data row 1", "column 'context'", r"'\[1, x\]'"]),
    ("csv_mapped_column_bad_value", text("game,step,agent,action\n0,0,a,1\nx,1,a,1\n",
     columns={"episode": "game"}, num_actions=2),
     ["data row 2", r"column 'game' \(our 'episode'\)", "found 'x'"]),
    # --- tables in memory
    ("frame_mixed_types", frame(lambda f: f.astype({"action": object}).replace({"action": {2: "two"}})),
     ["table, data row 2", "column 'action'", "one type", "two"]),
    ("frame_action_out_of_range", frame(lambda f: f.assign(action=5)), ["table, data row 1 ", "found 5"]),
    ("frame_nan_action", frame(lambda f: f.assign(action=f.action.where(f.index != 3))),
     ["data row 4", "found null"]),
    ("frame_index_as_columns", frame(lambda f: f.set_index("episode")),
     ["table: expected a column 'episode'"]),
    ("frame_without_num_actions", frame(lambda f: f, num_actions=None), ["table", "Give num_actions="]),
    ("not_a_table", lambda p: TrajectoryDataset.from_table([1, 2], num_actions=2),
     ["pandas.DataFrame", "found list"]),
    # --- arrays
    ("arrays_two_axes", arrays(ACTIONS[0]),
     ["'actions'", r"\[E, T, n\]", r"found \[2, 2\]", "array\\[None\\]"]),
    ("arrays_no_episode", arrays(ACTIONS[:0]), ["'actions'", r"found \[0, 2, 2\]"]),
    ("arrays_floating_point", arrays(ACTIONS * 1.0), ["'actions'", "integer dtype", "found dtype float64"]),
    ("arrays_ragged", arrays([[[0, 1]], [[0, 1], [1, 1]]]), ["'actions'", "rectangular", "lengths="]),
    ("arrays_action_out_of_range", arrays(put(ACTIONS, (1, 0, 0), 2)),
     ["array 'actions', episode 1, step 0, agent 'agent_0'", "from 0 to 1, found 2"]),
    ("arrays_padding_without_lengths", arrays(put(ACTIONS, (1, 1), -1)), ["found -1", "lengths="]),
    ("arrays_too_few_agents", arrays(agents=["ann"]), ["2 labels", "found 1"]),
    ("arrays_same_agent_twice", arrays(agents=["ann", "ann"]), ["distinct labels"]),
    ("arrays_num_actions_zero", arrays(num_actions=0), ["at least 1, found 0"]),
    ("arrays_num_actions_per_agent", arrays(num_actions=(3,)), ["one per agent", "found 1"]),
    ("arrays_length_too_long", arrays(lengths=[2, 3]), ["'lengths', episode 1", "from 1 to 2", "found 3"]),
    ("arrays_length_zero", arrays(lengths=[0, 2]), ["'lengths', episode 0", "found 0"]),
    ("arrays_lengths_shape", arrays(lengths=[2]), ["'lengths'", r"\[E\] = \[2\]", r"found \[1\]"]),
    ("arrays_payoffs_shape", arrays(payoffs=np.zeros((2, 2))),
     ["'payoffs'", r"= \[2, 2, 2\], found \[2, 2\]"]),
    ("arrays_payoffs_text", arrays(payoffs=[[["a"] * 2] * 2] * 2), ["'payoffs'", "expected numbers"]),
    ("arrays_probabilities_width", arrays(probabilities=PROBABILITIES[..., :2]), [r"= \[2, 2, 2, 3\]"]),
    ("arrays_probabilities_sum", arrays(probabilities=put(PROBABILITIES, (0, 1, 1, 0), 0.3)),
     ["'probabilities', episode 0, step 1, agent 'agent_1'", "sum of 1.1"]),
    ("arrays_probabilities_padding", arrays(probabilities=put(PROBABILITIES, (0, 1, 0, 2), 0.1)),
     ["0 beyond", "2 actions"]),
    ("arrays_context_nan", arrays(context=put(np.zeros((2, 2, 1)), (1, 0), NAN)),
     ["'context', episode 1, step 0", "nan"]),
    ("arrays_context_no_feature", arrays(context=np.zeros((2, 2, 0))), [r"\[E, T, d\] = \[2, 2, 1\]"]),
    ("arrays_available_type", arrays(available=OPEN * 1), ["'available'", "dtype bool"]),
    ("arrays_available_padding", arrays(available=put(OPEN, (0, 0, 0, 2), True)),
     ["False beyond", "agent 'agent_0'"]),
    ("arrays_available_closed", arrays(available=put(OPEN, (1, 1, 1, 2), False)),
     ["episode 1, step 1", "action 2 closed"]),
    ("arrays_update_decreases", arrays(update=put(np.zeros((2, 2, 2), int), (0, 0, 1), 1)),
     ["'update', episode 0, step 1, agent 'agent_1'", "never decrease", "0 after a larger mark"]),
    ("arrays_update_negative", arrays(update=np.full((2, 2, 2), -2)), ["at least 0, found -2"]),
]  # fmt: skip


def _raw_metadata(path, raw):
    pq.write_table(table(good(), meta=None).replace_schema_metadata({b"diml": raw}), path / "log.parquet")
    return path / "log.parquet"


@pytest.mark.parametrize("name, build, fragments", [pytest.param(*case, id=case[0]) for case in CORPUS])
def test_bad_log_is_refused_with_its_message(name, build, fragments, tmp_path):
    with pytest.raises(LogError) as caught:
        build(tmp_path)
    message = str(caught.value)
    for fragment in [*fragments, "expected", "found"]:
        assert re.search(fragment, message), f"{fragment!r} is not in: {message}"
    assert re.search(r"found .*[.:;] .*\w", message), f"no remedy after what was found: {message}"


@pytest.mark.parametrize("build", [foreign(num_actions=SIZES), lambda p: load_log(write(p)), two_shards()])
def test_the_log_the_corpus_derives_from_is_good(build, tmp_path):
    assert build(tmp_path).num_choices == 10


def test_corpus_names_are_distinct_and_many():
    assert len({case[0] for case in CORPUS}) == len(CORPUS) >= 100
