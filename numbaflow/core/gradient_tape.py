"""GradientTape and why_none: the tape as users hold it."""
import contextlib
import enum
import logging

import numpy as np

from . import nest, table
from .accumulate import dense, summed
from .backprop import ones_like, reaching, walk, zeros
from .device import places
from .dtypes import DIFFERENTIABLE
from .indexed_slices import IndexedSlices
from .tape import Tape, listening, push, remove, silent
from .tensor import Tensor, as_tensor, wrap

_log = logging.getLogger("numbaflow")


class UnconnectedGradients(enum.Enum):
    """What the gradient of an unconnected source is: NONE (None) or ZERO (zeros of its shape)."""

    NONE = "none"
    ZERO = "zero"


def _unconnected(value):
    if type(value) is UnconnectedGradients:
        return value
    try:
        return UnconnectedGradients(value)
    except ValueError:
        raise ValueError(f"Unknown value for unconnected_gradients: {value!r}") from None


def _is_variable(value):
    return hasattr(value, "_read")


class GradientTape:
    """Records ops inside a `with` block, for gradients of what they gave.

    Args:
        persistent: keep the record after `gradient`, so that it may be called again.
        watch_accessed_variables: trace the trainable variables that are read inside.

    >>> import numbaflow as nf
    >>> x = nf.constant(3.0)
    >>> with nf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> tape.gradient(y, x).numpy()
    np.float32(6.0)
    """

    def __init__(self, persistent=False, watch_accessed_variables=True):
        self._persistent, self._used, self._recording, self._warned = persistent, False, False, False
        self._watch_accessed, self._tape, self._last_variables = watch_accessed_variables, None, ()

    def __enter__(self):
        if self._recording:
            raise ValueError("Tape is already recording.")
        if self._tape is None:
            self._tape, self._used = Tape(self._watch_accessed), False
        push(self._tape)
        self._recording = True
        return self

    def __exit__(self, *exc):
        if self._recording:
            self._stop()

    def _stop(self):
        remove(self._tape)
        self._recording = False

    def _begin(self, name, target):
        """The tape to walk; one that is not persistent has stopped recording."""
        if self._used:
            raise RuntimeError("GradientTape.gradient can only be called once on non-persistent tapes.")
        if self._tape is None:
            raise RuntimeError(f"GradientTape.{name}: nothing was recorded; the tape has not been entered")
        if self._recording:
            self._inside(target)
        return self._tape

    def _end(self):
        """Let go of a tape that is not persistent."""
        if not self._persistent:
            self._last_variables, self._tape, self._used = self._tape.variables, None, True

    # ---- what is traced
    def watch(self, tensor):
        """Trace a tensor or variable, or a structure of them, from here on."""
        if self._tape is None:
            raise RuntimeError("GradientTape.watch: the tape is not recording; enter it with `with` first")
        for t in nest.flatten(tensor):
            if not isinstance(t, Tensor) and not _is_variable(t):
                raise AttributeError(f"GradientTape.watch: {type(t).__name__} is no tensor or variable; make "
                                     "it a tensor with nf.constant first")
            if t.dtype.dtype not in DIFFERENTIABLE:
                _log.warning("The dtype of the watched tensor must be floating (e.g. nf.float32), got %s",
                             t.dtype.name)
            elif _is_variable(t):
                self._tape.watch_variable(t)
            else:
                self._tape.watch(t)

    def watched_variables(self):
        """The variables traced, a tuple in the order they were made."""
        variables = self._last_variables if self._tape is None else self._tape.variables
        return tuple(sorted(variables, key=lambda v: v._id))

    @contextlib.contextmanager
    def stop_recording(self):
        """A context in which this tape does not record."""
        if self._tape is None:
            raise RuntimeError("Trying to stop recording a tape which is not recording.")
        if not self._recording:
            raise ValueError("Tape is not recording.")
        self._stop()
        try:
            yield
        finally:
            self.__enter__()

    def reset(self):
        """Forget all that was recorded and watched, and go on recording."""
        if not self._recording:
            raise ValueError("Tape is not recording.")
        self._tape.clear()

    # ---- gradients
    def gradient(self, target, sources, output_gradients=None,
                 unconnected_gradients=UnconnectedGradients.NONE):
        """The gradient of the sum of all target elements with respect to each source.

        Args:
            target: a tensor or a structure of tensors.
            sources: a tensor or variable, or a structure of them.
            output_gradients: a tensor for each target, by which its gradient is weighted.
            unconnected_gradients: "none" gives None for a source that no target depends on, "zero" zeros.

        Returns:
            Gradients in the structure of `sources`; IndexedSlices for a variable that was gathered from.

        Raises:
            RuntimeError: a second call on a tape that is not persistent.
        """
        rule = _unconnected(unconnected_gradients)
        flat = _sources("gradient", sources)
        tape = self._begin("gradient", target)
        try:
            targets = _targets(tape, target)
            found = gradients(tape, targets, flat, _output_gradients(targets, output_gradients))
        finally:
            self._end()
        if rule is UnconnectedGradients.ZERO:
            found = [zeros(s.shape, s.dtype.dtype) if g is None else g
                     for g, s in zip(found, flat, strict=True)]
        return nest.pack(sources, found) if nest.is_nested(sources) else found[0]

    def _inside(self, target):
        """`gradient` inside the tape's own context: a persistent tape goes on recording, another stops."""
        if not self._persistent:
            self._stop()
        elif any(_is_variable(t) for t in nest.flatten(target)):
            raise ValueError("Tape is already recording.")
        elif not self._warned:
            self._warned = True
            _log.warning("Calling GradientTape.gradient on a persistent tape inside its context records the "
                         "gradient ops too: slower, and only needed for higher derivatives.")

    def jacobian(self, target, sources, unconnected_gradients=UnconnectedGradients.NONE,
                 parallel_iterations=None, experimental_use_pfor=True):
        """The derivatives of every target element: shape target.shape + source.shape for each source."""
        rule = _unconnected(unconnected_gradients)
        if not experimental_use_pfor and not self._persistent:
            raise RuntimeError("GradientTape must be created with persistent=True to compute the jacobian "
                               "with eager execution enabled and with  experimental_use_pfor set to False.")
        flat = _sources("jacobian", sources)
        tape = self._begin("jacobian", target)
        try:
            target, = _targets(tape, [target])
            rows = jacobian_rows(tape, target, flat)
        finally:
            self._end()
        columns = zip(*rows, strict=True)
        found = [_stacked(column, s, target, rule) for column, s in zip(columns, flat, strict=True)]
        return nest.pack(sources, found) if nest.is_nested(sources) else found[0]

    def batch_jacobian(self, target, source, unconnected_gradients=UnconnectedGradients.NONE,
                       parallel_iterations=None, experimental_use_pfor=True):
        """The derivatives of each example by itself: [b, y...] and [b, x...] give [b, y..., x...].

        Element i of the target must depend on element i of the source only.
        """
        y, x = tuple(target.shape), tuple(source.shape)
        if len(y) < 2 or len(x) < 2:
            raise ValueError(f"batch_jacobian: target {y} and source {x} must have rank at least 2")
        if y[0] != x[0]:
            raise ValueError(f"Need first dimension of target shape ({y}) and source shape ({x}) to match.")
        rule = _unconnected(unconnected_gradients)
        size, rows = int(np.prod(y[1:])), []
        tape = self._begin("batch_jacobian", target)
        try:
            target, = _targets(tape, [target])
            for k in range(size):
                seed = np.zeros((y[0], size), target._data.dtype)
                seed[:, k] = 1
                rows.append(gradients(tape, [target], [source], [wrap(seed.reshape(y))])[0])
        finally:
            self._end()
        if rows and rows[0] is None:
            return None if rule is UnconnectedGradients.NONE else zeros(y + x[1:], target._data.dtype)
        if not rows:
            return zeros(y + x[1:], target._data.dtype)
        stacked = table.face("stack")([dense(r) for r in rows], axis=1)
        return table.face("reshape")(stacked, y + x[1:])


def _stacked(rows, source, target, rule):
    shape = tuple(target.shape) + tuple(source.shape)
    if all(r is None for r in rows):
        return None if rule is UnconnectedGradients.NONE else zeros(shape, source.dtype.dtype)
    filled = [zeros(tuple(source.shape), source.dtype.dtype) if r is None else dense(r) for r in rows]
    return table.face("reshape")(table.face("stack")(filled), shape)


def jacobian_rows(tape, target, sources):
    """gradients() once for each element of the target."""
    size, rows = target._data.size, []
    for k in range(size):
        seed = np.zeros(size, target._data.dtype)
        seed[k] = 1
        rows.append(gradients(tape, [target], sources, [wrap(seed.reshape(target._data.shape))]))
    return rows or [[None] * len(sources)]


def _sources(name, sources):
    flat = nest.flatten(sources)
    for s in flat:
        if not isinstance(s, Tensor) and not _is_variable(s):
            raise TypeError(f"GradientTape.{name}: a source must be a tensor or a variable, "
                            f"got {type(s).__name__}")
    return flat


def _targets(tape, target):
    return [_read_under(tape, t) if _is_variable(t) else _checked(t) for t in nest.flatten(target)]


def _read_under(tape, variable):
    """A variable as a target: read once more where the tape hears it."""
    if tape in listening():
        return variable._read()
    push(tape)
    try:
        return variable._read()
    finally:
        remove(tape)


def _checked(target):
    if not isinstance(target, Tensor):
        raise AttributeError(f"GradientTape.gradient: a target must be a tensor, got {target!r}")
    return target


def _output_gradients(targets, given):
    if given is None:
        return [None] * len(targets)
    flat = nest.flatten(given) if nest.is_nested(given) else [given]
    if len(flat) != len(targets):
        raise ValueError(f"output_gradients: {len(flat)} for {len(targets)} targets")
    out = []
    for g, t in zip(flat, targets, strict=True):
        if g is None:
            raise ValueError("output_gradients: None is not a gradient; give ones or zeros")
        g = as_tensor(g)
        if g._data.shape != t._data.shape:
            raise ValueError(f"output_gradients: shape {g._data.shape} for a target of shape {t._data.shape}")
        g = g if g._data.dtype == t._data.dtype else table.face("cast")(g, t._data.dtype)
        out.append(places.beside(g, t) if places.used else g)
    return out


def _source_nodes(tape, source):
    """The nodes a source's gradient is summed under: one for a tensor, one a set of tapes for a variable."""
    if type(source) is Tensor or isinstance(source, Tensor):
        node = source._node
        return (node,) if node is not None and tape.token in node.tapes else ()
    return tape.variables.get(source, ())


def gradients(tape, targets, sources, output_gradients=None):
    """Gradients of tensors with respect to tensors and variables, from one tape; None where unconnected."""
    grads = {}
    for k, t in enumerate(targets):
        node = t._node
        if node is not None and tape.token in node.tapes:
            g = output_gradients[k] if output_gradients is not None else None
            if g is None:
                g = ones_like(t)
            grads[node] = g if node not in grads else summed(grads[node], g)
    nodes, wanted = [], set()
    for s in sources:
        of_one = _source_nodes(tape, s)
        nodes.append(of_one)
        wanted.update(of_one)
    if not grads or not wanted:
        return [None] * len(sources)
    entries = tape.entries
    if len(tape.watched) > len(wanted):
        entries = reaching(entries, wanted)
    elif tape in listening():
        entries = entries.copy()            # the walk itself records
    walk(entries, grads, wanted)
    found = []
    for s, of_one in zip(sources, nodes, strict=True):
        total = grads.get(of_one[0]) if of_one else None
        for node in of_one[1:]:
            g = grads.get(node)
            total = g if total is None else total if g is None else summed(total, g)
        if type(total) is IndexedSlices and _is_variable(s):
            found.append(total)                 # slices are for variables only
        else:
            found.append(None if total is None else dense(total))
    return [places.beside(g, s) for g, s in zip(found, sources, strict=True)] if places.used else found


def why_none(tape, target, source):
    """Say in words why the gradient of target with respect to source is None on this tape.

    Ask before `gradient` uses the tape up, or use a persistent tape.

    >>> import numbaflow as nf
    >>> x = nf.constant(3.0)
    >>> with nf.GradientTape(persistent=True) as tape:
    ...     y = x * x
    >>> print(nf.why_none(tape, y, x))
    The source is not watched: call tape.watch(source) before it is used.
    """
    inner = tape._tape if isinstance(tape, GradientTape) else tape
    if inner is None or (isinstance(tape, GradientTape) and tape._used):
        return ("The tape is empty: it was not entered, or its one gradient was taken; make it persistent to "
                "ask.")
    if source.dtype.dtype not in DIFFERENTIABLE:
        return f"The source is {source.dtype.name}: only floats and complex numbers have gradients."
    if not _source_nodes(inner, source):
        return _unwatched(source)
    broken = "; ".join(f"{name} ({count} times, first at {where})"
                       for name, (count, where) in (inner.breaks or {}).items())
    ends = f"  On this tape traced values went into ops without gradients: {broken}." if broken else ""
    if target.dtype.dtype not in DIFFERENTIABLE:
        return f"The target is {target.dtype.name}: only floats and complex numbers have gradients.{ends}"
    if _is_variable(target):
        target = _read_under(inner, target)
    if not inner.traces(target._node):
        return ("The target was not recorded: it was made outside the tape, from values that are not traced, "
                f"or through numpy() or Python numbers.{ends}")
    with silent():
        found, = gradients(inner, [target], [source])
    if found is None:
        return f"Both are on the tape, but no recorded op leads from the source to the target.{ends}"
    return "The gradient is not None."


def _unwatched(source):
    if _is_variable(source):
        if not source.trainable:
            return "The source is a variable that is not trainable: call tape.watch(source)."
        return "The source is a variable that was not read inside the tape."
    return "The source is not watched: call tape.watch(source) before it is used."
