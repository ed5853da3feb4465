"""InputSpec: what a layer asks of its inputs' ranks and extents, checked before it runs."""
from numbaflow.core.dtypes import as_dtype


class InputSpec:
    """What an input of a layer must be like.

    Args:
        dtype: its dtype, or None for any.
        shape: its shape, where None is any extent; it says the rank as well.
        ndim, max_ndim, min_ndim: its number of dimensions.
        axes: axis -> extent (None for any).

    >>> import numbaflow as nf
    >>> nf.keras.layers.InputSpec(min_ndim=2, axes={-1: 3})
    InputSpec(min_ndim=2, axes={-1: 3})
    """

    def __init__(self, dtype=None, shape=None, ndim=None, max_ndim=None, min_ndim=None, axes=None):
        self.dtype = None if dtype is None else as_dtype(dtype).name
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(axis): extent for axis, extent in (axes or {}).items()}

    def __repr__(self):
        return f"InputSpec({', '.join(f'{n}={v!r}' for n, v in vars(self).items() if v not in (None, {}))})"

    def check(self, tensor, where):
        """ValueError if a tensor, whose shape may have Nones, is not like that."""
        shape = tuple(tensor.shape)
        problem = self._rank_problem(len(shape)) or self._extent_problem(shape)
        if problem is None and self.dtype is not None and tensor.dtype.name != self.dtype:
            problem = f"expected dtype={self.dtype}, found dtype={tensor.dtype.name}"
        if problem is not None:
            raise ValueError(f"{where}: {problem}. Full shape received: {list(shape)}")

    def _rank_problem(self, ndim):
        if self.ndim is not None and ndim != self.ndim:
            return f"expected ndim={self.ndim}, found ndim={ndim}"
        if self.max_ndim is not None and ndim > self.max_ndim:
            return f"expected max_ndim={self.max_ndim}, found ndim={ndim}"
        if self.min_ndim is not None and ndim < self.min_ndim:
            return f": expected min_ndim={self.min_ndim}, found ndim={ndim}"
        return None

    def _extent_problem(self, shape):
        for axis, extent in self.axes.items():
            if not -len(shape) <= axis < len(shape):
                return f"expected an axis {axis}, found ndim={len(shape)}"
            if extent is not None and shape[axis] not in (extent, None):
                return f"expected axis {axis} of input shape to have value {extent}, found {shape[axis]}"
        if self.shape is not None and any(a is not None and b not in (a, None)
                                          for a, b in zip(self.shape, shape, strict=True)):
            return f"expected shape={self.shape}, found shape={shape}"
        return None


def check_inputs(spec, inputs, name):
    """ValueError if a layer's inputs are not as its specs, one or a list of them, ask."""
    specs = spec if isinstance(spec, (list, tuple)) else [spec]
    given = list(inputs.values()) if isinstance(inputs, dict) else \
        inputs if isinstance(inputs, (list, tuple)) else [inputs]
    if len(given) != len(specs):
        raise ValueError(f"Layer {name} expects {len(specs)} inputs, but it received {len(given)} input "
                         f"tensors. Inputs received: {inputs}")
    for k, (tensor, one) in enumerate(zip(given, specs, strict=True)):
        if one is not None:
            if not hasattr(tensor, "shape"):
                raise TypeError(f"Layer {name} takes tensors, got {type(tensor).__name__}: "
                                f"{str(tensor)[:100]}")
            one.check(tensor, f"Input {k} of layer {name} is incompatible with the layer")
