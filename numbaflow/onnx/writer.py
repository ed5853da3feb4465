"""What an ONNX graph is written with: nodes, constants by value, shapes with extents known at run time."""
import contextlib
import itertools

import numpy as np

from numbaflow.core.dim import Dim
from numbaflow.core.errors import UnimplementedError

LAST = np.iinfo(np.int64).max


class Unsupported(UnimplementedError):
    """A use of an op that ONNX, in the opset asked for, has nothing for."""


def needed():
    """The onnx package.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError("nf.onnx needs the package onnx: pip install numbaflow[onnx]") from error
    return onnx


class Writer:
    """Collects the nodes and initializers of an ONNX graph; values go by their names there."""

    def __init__(self, opset):
        self._onnx, self.opset = needed(), opset
        self.helper = self._onnx.helper
        self.nodes, self.initializers = [], {}
        self.arrays = {}                # name of an initializer -> its array
        self.known = {}                 # number of an unknown extent -> (name of a graph input, axis)
        self._counts = itertools.count()
        self._constants, self._turned = {}, {}
        self._taken = set()

    def name(self, wanted):
        """A name that nothing has yet."""
        found, k = wanted, 0
        while found in self._taken:
            k += 1
            found = f"{wanted}_{k}"
        self._taken.add(found)
        return found

    def dtype(self, dtype):
        """ONNX's number for a dtype."""
        return self.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    # ---- values
    def initializer(self, name, array):
        """A value that is stored under a name."""
        name, array = self.name(name), np.ascontiguousarray(array).reshape(np.shape(array))
        self.initializers[name] = self._onnx.numpy_helper.from_array(array, name)
        self.arrays[name] = array
        return name

    def constant(self, value, dtype=None):
        """A value that is known; equal ones are stored once."""
        array = np.asarray(value, dtype)
        key = array.shape, array.dtype.str, array.tobytes()
        if key not in self._constants:
            self._constants[key] = self.initializer("constant", array)
        return self._constants[key]

    def ints(self, values):
        """A vector of integers, as axes and sizes are given; Dims among them are computed at run time."""
        values = list(values)
        if not any(isinstance(v, Dim) for v in values):
            return self.constant([int(v) for v in values], np.int64)
        parts = [self._extent(v) if isinstance(v, Dim) else self.ints([v]) for v in values]
        return parts[0] if len(parts) == 1 else self.op("Concat", parts, axis=0)

    def _extent(self, dim):
        """A Dim as a vector of one element."""
        return self._polynomial(tuple(dim._terms.items()))

    def _polynomial(self, terms):
        total = None
        for factors, coefficient in terms:
            product = None if coefficient == 1 and factors else self.ints([coefficient])
            for factor in factors:
                value = self._factor(factor)
                product = value if product is None else self.op("Mul", [product, value])
            total = product if total is None else self.op("Add", [total, product])
        return self.ints([0]) if total is None else total

    def _factor(self, factor):
        kind, *rest = factor
        if kind == "n":
            source, axis = self.known[rest[0]]
            return self.op("Gather", [self.op("Shape", [source]), self.ints([axis])], axis=0)
        return self.op("Div", [self._polynomial(part) for part in rest])

    # ---- nodes
    @contextlib.contextmanager
    def inner(self):
        """A context in which nodes go to a list of their own, that of a graph within."""
        nodes, turned = self.nodes, self._turned
        self.nodes, self._turned = [], dict(turned)
        try:
            yield self.nodes
        finally:
            self.nodes, self._turned = nodes, turned

    def op(self, kind, inputs, outputs=None, **attributes):
        """The name of a node's output, or a list of names where `outputs` says how many."""
        names = [self.name(f"{kind.lower()}_{next(self._counts)}") for _ in range(outputs or 1)]
        self.nodes.append(self.helper.make_node(kind, inputs, names, **attributes))
        return names[0] if outputs is None else names

    def cast(self, x, dtype):
        """x in another dtype."""
        return self.op("Cast", [x], to=self.dtype(dtype))

    def reshape(self, x, shape):
        """x in another shape."""
        unknown = [k for k, n in enumerate(shape) if isinstance(n, Dim)]
        if len(unknown) == 1 and all(n != 0 for k, n in enumerate(shape) if k not in unknown):
            shape = [-1 if k in unknown else n for k, n in enumerate(shape)]
            return self.op("Reshape", [x, self.ints(shape)])
        return self.op("Reshape", [x, self.ints(shape)], allowzero=1)

    def transpose(self, x, perm):
        """x with its axes permuted; of what is known, at once, and of what was permuted before, in one go."""
        x, before = self._turned.get(x, (x, range(len(perm))))
        perm = [before[k] for k in perm]
        if perm == list(range(len(perm))):
            return x
        if x in self.arrays:
            return self.constant(np.transpose(self.arrays[x], perm))
        found = self.op("Transpose", [x], perm=perm)
        self._turned[found] = x, perm
        return found

    def like(self, number, value):
        """A number in the dtype of a graph's value."""
        return self.constant(number, value.dtype)


class Call:
    """A node on its way: names and values of its inputs, by the op's names for them, and its attributes.

    `call.x` is the name of input x, a list of names where it is a list; `call.values["x"]` has its shape.
    """

    def __init__(self, node, names):
        self.node, self.attributes, self.outputs = node, node.attributes, node.outputs
        self.out = node.outputs[0]
        self.names = dict(zip(node.op.inputs, node.grouped(names), strict=True))
        self.values = dict(zip(node.op.inputs, node.grouped(node.inputs), strict=True))

    @property
    def first(self):
        """The first input's name."""
        return next(iter(self.names.values()))

    @property
    def value(self):
        """The first input's value."""
        return next(iter(self.values.values()))

    def __getattr__(self, name):
        try:
            return self.names[name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, name):
        return self.attributes[name]


TRANSLATORS: dict = {}          # op's name -> function (writer, call) that gives an output's name, or a list


def translates(*ops):
    """Register a function (writer, call) as the translator of ops."""
    def register(function):
        for op in ops:
            TRANSLATORS[op] = function
        return function
    return register
