"""Keras models as functions: called without training, and with it."""
import inspect

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.graph.function import TensorSpec, function
from numbaflow.keras.engine.network import Network

from .restored import RestoredFunction
from .variants import variants_of


def model_functions(obj):
    """{"__call__": function} of a model that says what its inputs are; {} of anything else."""
    if not isinstance(obj, Network) or not obj.inputs:
        return {}
    return {"__call__": model_function(obj, modes=(False, True))}


def model_function(model, modes=(False,)):
    """A model as a function of its inputs, for those values of `training`.

    Raises:
        InvalidArgumentError: a model that does not say what its inputs are.
    """
    if not model.inputs:
        raise InvalidArgumentError(f"model {model.name} does not say what its inputs are: give a "
                                   "function of it, nf.function(lambda x: model(x), input_signature=[...])")
    specs = [TensorSpec(t.shape, t.dtype, name)
             for t, name in zip(model.inputs, model.input_names, strict=True)]
    inputs = specs[0] if len(specs) == 1 else specs
    variants = []
    for training in modes:
        traced = function(lambda given, training=training: model(given, training=training), [inputs])
        variants += [found.given(training) for found in variants_of(traced)]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter("inputs", kind),
                                   inspect.Parameter("training", kind, default=False)])
    return RestoredFunction(model.name, signature, variants)
