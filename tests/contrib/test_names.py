"""contrib holds other names for what stands elsewhere, and nothing of its own."""
import inspect

import pytest

import numbaflow as nf

MODULES = {name: getattr(nf.contrib, name) for name in nf.contrib.__all__}


@pytest.mark.parametrize("name", MODULES)
def test_names_are_listed_and_defined_elsewhere(name):
    module = MODULES[name]
    assert module.__all__ == sorted(module.__all__, key=lambda n: (not n.isupper(), n[0].islower(), n))
    for entry in module.__all__:
        value = getattr(module, entry)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert not value.__module__.startswith("numbaflow.contrib"), entry


def test_summaries_are_those_of_nf_summary():
    assert set(nf.contrib.summary.__all__) <= set(nf.summary.__all__)
    for entry in nf.contrib.summary.__all__:
        assert getattr(nf.contrib.summary, entry) is getattr(nf.summary, entry)


@pytest.mark.parametrize("entry", [
    "GradientTape", "Variable", "custom_gradient", "enable_eager_execution", "executing_eagerly",
    "gradients_function", "implicit_gradients", "implicit_value_and_gradients", "make_template",
    "value_and_gradients_function",
])
def test_names_that_both_places_have_are_one(entry):
    assert getattr(nf.contrib.eager, entry) is getattr(nf, entry)


def test_the_guides_way_to_the_names():
    tf = nf
    tfe = tf.contrib.eager
    assert tfe.metrics.Mean("loss").name == "loss"
    assert tf.contrib.summary.create_file_writer is tf.summary.create_file_writer
    assert tfe.Checkpoint is tf.train.Checkpoint
