"""Saving: a folder of graphs as JSON and of values as safetensors, whole or not at all.

`graph.json` names the files of values that belong to it.  A new folder is written aside and renamed; in one
that is there already new values are written under new names, and the graph, which is replaced at once, tells
which count.
"""
import contextlib
import json
import os
import secrets
import shutil

from numbaflow.core.device_variable import array_of
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tape import tracing
from numbaflow.core.trackable import Trackable
from numbaflow.graph.tools.portable import VERSION, Writer
from numbaflow.train.checkpoint_disk import replacing
from numbaflow.train.checkpoint_file import write_file

from .gathering import _CALLABLE, Objects, as_restored, signatures_of
from .signatures import write_parameters, write_variant

FORMAT, GRAPH = "numbaflow saved model", "graph.json"


def save(obj, export_dir, signatures=None):
    """Save functions, with the variables that they use, so that they run without the code that made them.

    Args:
        obj: an `nf.function`, a concrete function, a keras model, or any trackable object whose attributes
            are functions, variables and objects of the same kind.  What functions were traced for is
            saved: those with an `input_signature` for that, others for the arguments of their calls.
        export_dir: the folder, which is made; a saved model that is there is replaced at once.
        signatures: a function, or a dict of functions by name, for users who know the name only.  By default
            "serving_default" is what `obj` does when it is called; of a model, without training.

    Raises:
        InvalidArgumentError: an object that has no functions or variables, or a function with a part that
            can't be written, such as a Python function that it calls; it is named.

    >>> import numbaflow as nf, tempfile
    >>> w = nf.Variable([2.0, 3.0])
    >>> @nf.function(input_signature=[nf.TensorSpec([2])])
    ... def scaled(x):
    ...     return {"y": w * x}
    >>> folder = tempfile.mkdtemp() + "/scaled"
    >>> nf.saved_model.save(scaled, folder)
    >>> loaded = nf.saved_model.load(folder)
    >>> loaded(nf.constant([1.0, 2.0]))["y"].numpy().tolist(), loaded.variables[0].numpy().tolist()
    ([2.0, 6.0], [2.0, 3.0])
    """
    if not isinstance(obj, (Trackable, *_CALLABLE)):
        raise InvalidArgumentError("saved_model.save: expected an nf.function, a model or a trackable "
                                   f"object, got {type(obj).__name__}")
    folder = os.path.abspath(os.fspath(export_dir))
    with tracing(None):
        description, variables, arrays = _described(obj, signatures)
    if os.path.exists(os.path.join(folder, GRAPH)):
        _write(folder, description, variables, arrays)
        _remove_others(folder, description["files"].values())
    else:
        _write_new(folder, description, variables, arrays)


def _described(obj, signatures):
    """(what goes into the graph's file, arrays of variables by name, constant arrays by name)"""
    writer = Writer("saved_model.save")
    objects = Objects(obj, writer.variable)
    callables, numbers, alive = [], {}, []

    def number(name, function):
        if id(function) not in numbers:
            alive.append(function)
            made = as_restored(function, name)
            numbers[id(function)] = len(callables)
            callables.append({
                "name": made.__name__, "parameters": write_parameters(made.__signature__, writer),
                "variants": [write_variant(made.__name__, made.__signature__, variant, writer)
                             for variant in made.variants]})
        return numbers[id(function)]
    for entry, functions in zip(objects.entries, objects.functions, strict=True):
        entry["functions"] = {name: number(name, f) for name, f in functions.items()}
    said = {name: number(name, f) for name, f in signatures_of(obj, signatures, objects.functions[0]).items()}
    if not callables and not writer.variables:
        raise InvalidArgumentError(f"saved_model.save: {obj!r} has no functions and no variables")
    names = _names(writer.variables)
    variables = [{"name": v._name, "key": key, "dtype": v._data.dtype.name, "shape": list(v._data.shape),
                  "trainable": v.trainable} for key, v in zip(names, writer.variables, strict=True)]
    return ({"format": FORMAT, "version": VERSION, "objects": objects.entries, "signatures": said,
             "callables": callables, "functions": writer.functions, "variables": variables,
             "unknowns": writer.written_unknowns},
            {key: array_of(v) for key, v in zip(names, writer.variables, strict=True)},
            {str(k): a for k, a in enumerate(writer.arrays)})


def _names(variables):
    """The variables' names, with a number where two have the same."""
    found: dict = {}
    for v in variables:
        name, k = v._name, 1
        while name in found:
            name, k = f"{v._name}_{k}", k + 1
        found[name] = None
    return list(found)


# ---- files
def _write(folder, description, variables, arrays):
    """Write values and then the graph that names them into a folder."""
    files = description["files"] = {}
    for kind, values in (("variables", variables), ("constants", arrays)):
        name = f"{kind}.safetensors"
        while os.path.exists(os.path.join(folder, name)):
            name = f"{kind}-{secrets.token_hex(4)}.safetensors"
        write_file(os.path.join(folder, name), values)
        files[kind] = name
    text = json.dumps(description, separators=(",", ":"), allow_nan=False)
    with replacing(os.path.join(folder, GRAPH)) as file:
        file.write(text.encode())


def _write_new(folder, description, variables, arrays):
    if os.path.isdir(folder) and os.listdir(folder):
        raise InvalidArgumentError(f"saved_model.save: {folder!r} is a folder of other files, no saved model")
    above = os.path.dirname(folder)
    aside = os.path.join(above, f".numbaflow-{secrets.token_hex(8)}.partial")
    os.makedirs(aside)
    try:
        _write(aside, description, variables, arrays)
        os.replace(aside, folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def _remove_others(folder, kept):
    """Remove the values of the model that was here before."""
    for name in os.listdir(folder):
        if name.endswith(".safetensors") and name not in kept:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, name))
