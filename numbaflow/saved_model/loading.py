"""Loading: the objects and functions of a saved model, without the code that made them."""
import json
import os

from numbaflow.core.errors import DataLossError, NotFoundError, UnimplementedError
from numbaflow.core.tape import tracing
from numbaflow.core.variable import Variable
from numbaflow.graph.tools.portable import VERSION, Reader, at
from numbaflow.train.checkpoint_reader import CheckpointReader

from .restored import RestoredFunction, attach, made_object
from .saving import FORMAT, GRAPH
from .signatures import read_parameters, read_variant


def load(export_dir):
    """The object of a saved model: its functions, variables and parts by the names that they had.

    What it gives is called like what was saved, and `signatures` are its functions by name.  They are
    differentiable, and `variables` can be trained, assigned and saved again.

    Args:
        export_dir: the folder that `save` has written.

    Raises:
        NotFoundError: there is no saved model, or it has an op that is not in the table.
        UnimplementedError: it is of a newer version.
        DataLossError: it is damaged; the error says where.

    >>> import numbaflow as nf, tempfile
    >>> model = nf.keras.Sequential([nf.keras.layers.Dense(1, batch_input_shape=(4, 3))])
    >>> folder = tempfile.mkdtemp() + "/model"
    >>> nf.saved_model.save(model, folder)
    >>> loaded = nf.saved_model.load(folder)
    >>> x = nf.ones((4, 3))
    >>> bool(nf.reduce_all(loaded.signatures["serving_default"](x) == model(x)))
    True
    """
    folder = os.path.abspath(os.fspath(export_dir))
    what = f"saved model {folder!r}"
    data = _parsed(folder, what)
    readers = {kind: CheckpointReader(_file(folder, what, data, kind)) for kind in ("variables", "constants")}
    with tracing(None):
        reader = _Values(what, data, readers)
        return reader.checked("its list of objects", _objects, reader, data)


def _parsed(folder, what):
    path = os.path.join(folder, GRAPH)
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(f"there is no saved model {folder!r}: {path!r} does not exist") from None
    except (ValueError, RecursionError) as error:
        raise DataLossError(f"{what}: {GRAPH} is no JSON: {error}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise DataLossError(f"{what}: {GRAPH} is not the graph of a saved model")
    version = data.get("version")
    if type(version) is not int or version < 1:
        raise DataLossError(f"{what}: {version!r} is no version")
    if version > VERSION:
        raise UnimplementedError(f"{what} is of version {version}; this numbaflow reads {VERSION}")
    return data


def _file(folder, what, data, kind):
    name = data["files"].get(kind) if isinstance(data.get("files"), dict) else None
    if not isinstance(name, str) or os.path.basename(name) != name:
        raise DataLossError(f"{what}: it names no file of {kind}")
    return os.path.join(folder, name)


class _Values(Reader):
    """A Reader of functions whose variables and arrays are in files."""

    def __init__(self, what, data, readers):
        self._constants, self._arrays = readers["constants"], {}
        self.what = what
        variables = self.checked("its list of variables", self._variables, data, readers["variables"])
        super().__init__(what, self.checked("its list of functions", list, data.get("functions")), variables,
                         self._constant, data.get("unknowns", ()))

    def _variables(self, data, values):
        return [self._variable(entry, values) for entry in data["variables"]]

    def _variable(self, entry, values):
        name = entry["key"]
        if not values.has_tensor(name):
            raise ValueError(f"there is no value of {name!r} in {values.path!r}")
        value = values.get_tensor(name)
        if [value.dtype.name, list(value.shape)] != [entry["dtype"], entry["shape"]]:
            raise ValueError(f"{name!r} is {value.dtype}{list(value.shape)} in {values.path!r}, expected "
                             f"{entry['dtype']}{entry['shape']}")
        made = Variable(value, trainable=bool(entry["trainable"]))
        made._name = str(entry["name"])         # the whole of it, in whatever name scope
        return made

    def _constant(self, number):
        if number not in self._arrays:
            if not self._constants.has_tensor(str(number)):
                raise LookupError(f"there is no constant {number!r} in {self._constants.path!r}")
            self._arrays[number] = self._constants.get_tensor(str(number))
        return self._arrays[number]


def _objects(reader, data):
    callables = [reader.checked(f"callable {k}", _callable, reader, entry)
                 for k, entry in enumerate(data["callables"])]
    made = [{"list": list, "dict": dict, "object": made_object}[entry["kind"]]() for entry in data["objects"]]
    # lists and dicts are tracked as they are when they are set: parts first
    for entry, obj in reversed(list(zip(data["objects"], made, strict=True))):
        for name, place in entry["children"].items():
            child = _child(place, made, reader.variables)
            if isinstance(obj, list):
                obj.append(child)
            elif isinstance(obj, dict):
                obj[name] = child
            else:
                attach(obj, name, child)
        if not isinstance(obj, (list, dict)):
            for name, number in entry["functions"].items():
                obj.__dict__["_functions"][name] = at(callables, number)
                attach(obj, name, at(callables, number))
    root = made[0]
    said = {name: at(callables, number) for name, number in data["signatures"].items()}
    root.__dict__.update(_signatures=said, _captured=reader.variables)
    return root


def _child(place, objects, variables):
    return at(objects, place["object"]) if "object" in place else at(variables, place["variable"])


def _callable(reader, data):
    variants = [reader.checked(f"variant {k}", read_variant, variant, reader)
                for k, variant in enumerate(data["variants"])]
    return RestoredFunction(str(data["name"]), read_parameters(data["parameters"], reader), variants)
