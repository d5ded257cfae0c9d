"""What every test shares: the --slow option, shape checks on annotations, quiet windows, one torch thread."""

import os
import sys
import types
from pathlib import Path

import beartype
import jaxtyping
import matplotlib
import pytest

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
matplotlib.use("Agg")

# shapes and types in annotations are checked under pytest; as in PEP 484, whole numbers pass for floats
_checker = types.ModuleType("diml_annotations")
setattr(_checker, "check", beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True)))  # noqa: B010
sys.modules[_checker.__name__] = _checker
jaxtyping.install_import_hook("diml_inverse", "diml_annotations.check")  # before the package is imported

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run recovery and benchmark tests")


def pytest_configure(config):
    if "PYTEST_XDIST_WORKER" in os.environ:  # two workers with two threads each fight over two cores
        import torch

        torch.set_num_threads(1)
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # of commands that tests start


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="slow; run with --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared():
    """The project's folder of shared data."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not here: this test reads the project's shared data")
    return SHARED


@pytest.fixture
def unchecked():
    """Annotations go unchecked: what a user sees who passes something of the wrong type."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
