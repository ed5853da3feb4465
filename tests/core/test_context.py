"""The options of the process."""
import copy
import pickle

import pytest

import numbaflow as nf
from numbaflow.contrib import eager as tfe
from numbaflow.core import context


@pytest.fixture(autouse=True)
def no_options_yet(monkeypatch):
    monkeypatch.setattr(context, "_active", {})


def test_execution_is_eager():
    assert nf.executing_eagerly()
    assert tfe.executing_eagerly()
    assert tfe.in_eager_mode()
    assert nf.enable_eager_execution() is None
    with pytest.raises(RuntimeError, match="can't be turned off"):
        nf.disable_eager_execution()


def test_the_same_options_may_be_given_again():
    config = nf.ConfigProto(allow_soft_placement=True)
    for _ in range(2):
        nf.enable_eager_execution(config, tfe.DEVICE_PLACEMENT_WARN, tfe.ASYNC)
    nf.enable_eager_execution()
    tfe.enable_eager_execution(config=nf.ConfigProto(allow_soft_placement=True))


@pytest.mark.parametrize("options", [
    {"config": nf.ConfigProto()}, {"device_policy": tfe.DEVICE_PLACEMENT_EXPLICIT},
    {"execution_mode": tfe.ASYNC},
])
def test_other_options_later_are_an_error(options):
    nf.enable_eager_execution()
    nf.enable_eager_execution(device_policy=tfe.DEVICE_PLACEMENT_SILENT, execution_mode=tfe.SYNC)
    with pytest.raises(ValueError, match=f"Trying to change the options .* {next(iter(options))} is"):
        nf.enable_eager_execution(**options)


@pytest.mark.parametrize(("options", "error", "words"), [
    ({"config": {}}, TypeError, "config must be a tf.ConfigProto, but got <class 'dict'>"),
    ({"device_policy": "silent"}, ValueError, r"device_policy must be one of None, .*DEVICE_PLACEMENT_\*"),
    ({"execution_mode": 2}, ValueError, "execution_mode must be one of None, .*ASYNC"),
])
def test_bad_options(options, error, words):
    with pytest.raises(error, match=words):
        nf.enable_eager_execution(**options)


def test_configs_hold_any_options():
    config = nf.ConfigProto(device_count={"GPU": 0})
    config.gpu_options.allow_growth = True
    assert config == nf.ConfigProto(device_count={"GPU": 0}, gpu_options=nf.ConfigProto(allow_growth=True))
    assert copy.deepcopy(config) == config == pickle.loads(pickle.dumps(config))
    assert config != nf.ConfigProto()
    assert config != 3


def test_execution_modes():
    for mode in tfe.SYNC, tfe.ASYNC, None:
        tfe.set_execution_mode(mode)
        with tfe.execution_mode(mode):
            assert nf.constant(2.0).numpy() == 2.0
    tfe.async_wait()
    tfe.async_clear_error()
    for take in tfe.execution_mode, tfe.set_execution_mode:
        with pytest.raises(ValueError, match=r"should be None/SYNC/ASYNC\. Got 7"):
            take(7)
