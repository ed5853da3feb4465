"""Optimizer: what all optimizers share, from gradients of a loss to variables and slots changed in place.

A concrete one says three things: the kernel of its rule, the slots it keeps for a variable with their first
values, and the rule's constants for the next step.
"""
import weakref

import numpy as np

from numbaflow.core.device import HOST, device, name_of, places
from numbaflow.core.gradient_tape import GradientTape
from numbaflow.core.placement import place_of
from numbaflow.core.scopes import name_scope
from numbaflow.core.tape import stack, tracing
from numbaflow.core.tensor import Tensor
from numbaflow.core.trackable import Trackable
from numbaflow.core.variable import Variable

from . import device_steps, graph_steps, traced_steps
from .gradients import checked
from .numbers import number

__all__ = ["Optimizer", "number", "unscoped"]


class Optimizer(Trackable):
    """The base of all optimizers: `minimize`, or `compute_gradients` and `apply_gradients`.

    A subclass gives `_update`, a `numbaflow.kernels.optimizers.Update`; `_slot_values()`, the name and first
    value of each slot, in the order of the update's arguments; and `_constants()`, the update's constants.

    Args:
        use_locking: accepted and ignored; an update is never seen half done by ops of its own thread.
        name: the name that slot variables are called by.

    Hyper-parameters may be numbers, tensors, variables or functions without arguments; each step reads them.
    """

    GATE_NONE, GATE_OP, GATE_GRAPH = 0, 1, 2
    _update = None

    def __init__(self, use_locking, name):
        if not name:
            raise ValueError("Must specify the optimizer name")
        self._use_locking, self._name = use_locking, name
        self._slots = {}                # slot name -> {variable's id: slot}
        self._held = {}                 # variable's id -> (its slots in order, a weak reference to it)
        self._non_slots = {}            # name -> variable

    # ---- what a subclass says
    def _slot_values(self):
        return {}

    def _constants(self):
        raise NotImplementedError

    def _finish(self):
        """Called once after each step."""

    # ---- the public face
    def get_name(self):
        """The name given."""
        return self._name

    def get_slot(self, var, name):
        """The slot variable of that name for a variable, or None."""
        return self._slots.get(name, {}).get(var._id)

    def get_slot_names(self):
        """The names of the slots made so far, sorted."""
        return sorted(self._slots)

    def variables(self):
        """The variables that hold this optimizer's state, sorted by name."""
        slots = [slot for of_name in self._slots.values() for slot in of_name.values()]
        return sorted([*self._non_slots.values(), *slots], key=lambda v: v.name)

    def minimize(self, loss, global_step=None, var_list=None, gate_gradients=GATE_OP, aggregation_method=None,
                 colocate_gradients_with_ops=False, name=None, grad_loss=None):
        """One step down the gradient of a loss: `compute_gradients`, then `apply_gradients`.

        Args:
            loss: a function without arguments that computes the loss, or a tensor of a graph: then all this
                is an operation, which sessions run.
            global_step: a variable to add 1 to.
            var_list: the variables to change, or a function that gives them once `loss` has run; by default
                the trainable ones that `loss` reads.
            grad_loss: the gradient of what `loss` gives, ones by default.

        Raises:
            RuntimeError: a loss that is no function.
            ValueError: the loss has no gradient for any variable.

        >>> import numbaflow as nf
        >>> x = nf.Variable(1.0)
        >>> nf.train.GradientDescentOptimizer(0.25).minimize(lambda: x * x)
        >>> x.numpy()
        np.float32(0.5)
        """
        if graph_steps.elsewhere(loss):
            with loss.graph.as_default():
                return self.minimize(loss, global_step, var_list, gate_gradients, aggregation_method,
                                     colocate_gradients_with_ops, name, grad_loss)
        pairs = self.compute_gradients(loss, var_list, gate_gradients, aggregation_method,
                                       colocate_gradients_with_ops, grad_loss)
        if all(g is None for g, _ in pairs):
            raise ValueError("No gradients provided for any variable, check your graph for ops that do not "
                             f"support gradients, between variables {[str(v) for _, v in pairs]} and loss "
                             f"{loss}.")
        return self.apply_gradients(pairs, global_step, name)

    def compute_gradients(self, loss, var_list=None, gate_gradients=GATE_OP, aggregation_method=None,
                          colocate_gradients_with_ops=False, grad_loss=None):
        """The list of (gradient, variable) of a loss; a gradient is a tensor, IndexedSlices or None.

        The arguments are those of `minimize`.
        """
        if gate_gradients not in (self.GATE_NONE, self.GATE_OP, self.GATE_GRAPH):
            raise ValueError("gate_gradients must be one of: Optimizer.GATE_NONE, Optimizer.GATE_OP, "
                             f"Optimizer.GATE_GRAPH.  Not {gate_gradients}")
        if graph_steps.is_tensor(loss):
            return graph_steps.pairs(loss, var_list, grad_loss)
        if not callable(loss):
            raise RuntimeError("`loss` passed to Optimizer.compute_gradients should be a function when eager "
                               f"execution is enabled; got {type(loss).__name__}.")
        given = var_list is not None and not callable(var_list)
        variables = [var_list] if isinstance(var_list, Variable) else list(var_list) if given else None
        with GradientTape() as tape:
            if given:
                tape.watch(variables)
            value = loss()
        if not given:
            variables = list(tape.watched_variables() if var_list is None else var_list())
        return list(zip(tape.gradient(value, variables, grad_loss), variables, strict=True))

    def apply_gradients(self, grads_and_vars, global_step=None, name=None):
        """Change each variable by its gradient, and add 1 to global_step.

        Args:
            grads_and_vars: pairs (gradient, variable); those whose gradient is None are left alone.
            global_step: a variable to add 1 to.

        Raises:
            ValueError: no pairs, or no gradient among them.
            TypeError: a gradient that is none.
            InvalidArgumentError: a gradient whose shape or dtype is not the variable's.

        After an error nothing has changed.
        """
        pairs = tuple(grads_and_vars)
        if not pairs:
            raise ValueError("No variables provided.")
        trace = stack.frame[2]
        if trace is not None and trace.lasting:
            return graph_steps.applied(self, trace, name or self._name, self._apply, pairs, global_step)
        return self._apply(pairs, global_step)

    def _apply(self, pairs, global_step):
        held, given, eager, constrained = self._held, [], stack.frame[2] is None, []
        for g, v in pairs:
            if eager and type(g) is Tensor and type(v) is Variable and v._id in held \
                    and g._data.shape == v._data.shape and g._dtype is v._data.dtype:
                given.append((g._data, v))
            elif g is not None:
                given.append((checked(g, v), v))
        if not given:
            raise ValueError(f"No gradients provided for any variable: {[str(v) for _, v in pairs]}.")
        for _, v in given:
            if v._id not in held:
                with tracing(None):     # (slots begin before a function that is being traced)
                    self._create_slots(v)
        constants = self._constants()
        try:
            for g, v in given:
                if type(g) is tuple:
                    self._apply_sparse(*g, v, held[v._id][0], constants)
                else:
                    self._apply_dense(g, v, held[v._id][0], constants)
                if v.constraint is not None:
                    constrained.append(v)
        finally:                        # (what was gathered before an error is not left to others)
            if eager and places.used:
                device_steps.launch()
        for v in constrained:
            v.assign(v.constraint(v))
        self._finish()
        if global_step is not None:
            global_step.assign_add(1)

    # ---- a step of one variable
    def _apply_dense(self, g, variable, slots, constants):
        """Change a variable and its slots, given its gradient: an array, or a tensor of a trace or a GPU."""
        if isinstance(g, Tensor):
            steps().step(self._update, (variable, *slots), g, constants)
            return
        variable._update(self._dense_step, g.ravel(), slots, constants)

    def _dense_step(self, array, g, slots, constants):
        state = [array.ravel()]
        for slot in slots:
            state.append(slot._writable().ravel())
        self._update(g.size, *state, g, *constants)

    def _apply_sparse(self, rows, g, variable, slots, constants):
        """The same, for the gradients g of some rows, all different; the others stay as they are.

        In a trace and on a GPU `rows` and g are those of `summed_rows` there.
        """
        if isinstance(g, Tensor):
            steps().step(self._update, (variable, *slots), g, constants, rows)
            return
        variable._update(self._sparse_step, rows, g.ravel(), slots, constants)

    def _apply_filled(self, rows, g, variable, slots, constants):
        """The same, where rows without a gradient have one of 0."""
        if isinstance(g, np.ndarray):
            sums, g = g, np.zeros(variable._data.shape, g.dtype)
            g[rows] = sums
        else:
            g = steps().filled(rows, g, variable)
        self._apply_dense(g, variable, slots, constants)

    def _scale_rows(self, rows, factor, variable, others=False):
        """Multiply those rows of a variable, or all others."""
        if isinstance(rows, Tensor):
            steps().scale(variable, rows, factor, others)
            return
        if others:
            chosen = np.ones(variable._data.shape[0], bool)
            chosen[rows] = False
            rows = chosen
        variable._update(_scale, rows, factor)

    def _sparse_step(self, array, rows, g, slots, constants):
        state = [array.ravel(), *[slot._writable().ravel() for slot in slots]]
        self._update.rows(rows, *state, g, *constants)

    # ---- state
    def _create_slots(self, variable):
        """Make the slots of a variable met for the first time; they go when it goes."""
        key, made = variable._id, []
        for k, (name, value) in enumerate(self._slot_values().items()):
            slot = unscoped(filled(variable, value), self._slot_variable_name(variable, name, k), variable)
            self._slots.setdefault(name, {})[key] = slot
            made.append(slot)
        owner = weakref.ref(self)
        self._held[key] = tuple(made), weakref.ref(variable, lambda _: _forget(owner(), key))

    def _slot_variable_name(self, variable, slot, position):
        """What the variable of a slot is called."""
        return f"{variable._name}/{self._name}_{position}" if position else f"{variable._name}/{self._name}"

    def _add_non_slot(self, name, value):
        """Make a variable of this optimizer's own, or take its value from a restore that waits for it."""
        made = unscoped(value, name)
        self._take_pending(name, made)
        self._non_slots[name] = made

    def _children(self):
        return {**super()._children(), **self._non_slots}

    def _slot_variables(self):
        names = list(self._slot_values())
        return [(held[1](), name, slot) for held in list(self._held.values())
                for name, slot in zip(names, held[0], strict=True) if held[1]() is not None]

    def _has_slot(self, variable, name):
        return isinstance(variable, Variable) and name in self._slot_values()

    def _slot_for(self, variable, name):
        if variable._id not in self._held:
            self._create_slots(variable)
        return self.get_slot(variable, name)


def _forget(optimizer, key):
    if optimizer is not None:
        del optimizer._held[key]
        for of_name in optimizer._slots.values():
            of_name.pop(key, None)


def filled(variable, number):
    """A value for a variable like that one, full of a number."""
    if place_of(variable) is HOST:
        return np.full(variable._data.shape, number, variable._data.dtype)
    return variable._tensor()._filled(number)


def unscoped(value, name, near=None):
    """A variable that no tape traces, of that name in any name scope, made at once also while tracing.

    It lives where the variable `near` does, else on the CPU.
    """
    with tracing(None), name_scope(""), device(name_of(place_of(near))):
        return Variable(value, trainable=False, name=name)


def steps():
    """How steps are done with gradients that are tensors: in a trace, or on a GPU."""
    return device_steps if stack.frame[2] is None else traced_steps


def _scale(array, rows, factor):
    array[rows] *= array.dtype.type(factor)
