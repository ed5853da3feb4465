"""Optimizer of Keras: hyper-parameters that can be read and assigned, gradients clipped, steps counted.

Steps themselves are those of `train.Optimizer`: a rule's kernel, its slots and its constants.
"""
import numpy as np

from numbaflow.core.device import CPU, device
from numbaflow.core.indexed_slices import IndexedSlices
from numbaflow.core.tape import silent
from numbaflow.core.tensor import as_tensor
from numbaflow.core.variable import Variable
from numbaflow.ops.clipping import clip_by_value
from numbaflow.ops.norms import clip_by_norm
from numbaflow.train import graph_steps
from numbaflow.train.numbers import held, is_zero, number, put
from numbaflow.train.optimizer import Optimizer as TrainOptimizer

from . import schedules

EPSILON = 1e-7


def _kept(value, name):
    """A variable of a number that steps look at: it is on the CPU, where nobody waits for it."""
    with device(CPU):
        return Variable(value, trainable=False, name=name)


class Hyper:
    """A hyper-parameter as an attribute: a variable, or the function or schedule that was given.

    Assigning a number assigns to the variable.
    """

    def __init__(self, name):
        self._name = name

    def __get__(self, optimizer, owner):
        return self if optimizer is None else optimizer._hyper[self._name]

    def __set__(self, optimizer, value):
        optimizer._set_hyper(self._name, value)


class Optimizer(TrainOptimizer):
    """The base of Keras' optimizers; a subclass says what `train.Optimizer` asks for.

    Args:
        name: the optimizer's name.
        clipnorm: gradients of a larger norm, each by itself, are shortened to it.
        clipvalue: elements of gradients are brought into [-clipvalue, clipvalue].
        decay: the learning rate is divided by 1 + decay * iterations.
        lr: an older name of learning_rate.

    `lr` is `learning_rate` by another name.  Hyper-parameters are variables: ``opt.lr.numpy()``, ``opt.lr =
    0.1``.  A schedule is called with the number of steps taken, any other function without arguments.
    """

    learning_rate = Hyper("learning_rate")
    lr = Hyper("learning_rate")
    decay = Hyper("decay")
    _hyper_names: tuple = ()            # the subclass's, but for learning_rate

    def __init__(self, name, learning_rate, lr=None, decay=0.0, clipnorm=None, clipvalue=None):
        super().__init__(False, name)
        self._hyper = {}
        self._set_hyper("learning_rate", learning_rate if lr is None else lr)
        for key, value in (("decay", decay), ("clipnorm", clipnorm), ("clipvalue", clipvalue)):
            if value is not None and value < 0:
                raise ValueError(f"Expected {key} >= 0, received: {value}")
        self._set_hyper("decay", decay)
        self.clipnorm, self.clipvalue = clipnorm, clipvalue
        self._iterations = self._track(_kept(np.int64(0), "iter"), "iter")

    # ---- hyper-parameters
    def _set_hyper(self, name, value):
        kept = self._hyper.get(name)
        if not callable(value) and isinstance(kept, Variable):
            put(kept, number(value))
            return
        if isinstance(value, Variable) or not callable(value):
            value = value if isinstance(value, Variable) else _kept(np.float64(number(value)), name)
            self._track(value, name)
        else:
            self._untrack(name)
        self._hyper[name] = value

    def _number(self, name):
        """A hyper-parameter of this step as a number."""
        value = self._hyper[name]
        return held(value) if type(value) is Variable else number(value)

    def _rate(self):
        """The learning rate of this step."""
        rate, done = self._hyper["learning_rate"], held(self._iterations)
        rate = number(rate(done)) if isinstance(rate, schedules.LearningRateSchedule) \
            else self._number("learning_rate")
        decay = self._number("decay")
        return rate if is_zero(decay) else rate / (1.0 + decay * done)

    @property
    def iterations(self):
        """How many steps were taken, an int64 variable."""
        return self._iterations

    @iterations.setter
    def iterations(self, variable):
        if self._held:
            raise RuntimeError("Cannot set `iterations` to a new Variable after the Optimizer weights have "
                               "been created")
        self._iterations = self._track(variable, "iter")

    # ---- steps
    def apply_gradients(self, grads_and_vars, name=None):
        """Change each variable by its gradient, clipped, and count the step.

        Args:
            grads_and_vars: pairs (gradient, variable); those whose gradient is None are left alone.

        Raises:
            ValueError: no pairs, or no gradient among them.
            TypeError: a gradient that is none.
            InvalidArgumentError: a gradient whose shape or dtype is not the variable's.

        After an error nothing has changed.
        """
        if self.clipnorm is not None or self.clipvalue is not None:
            with silent():
                grads_and_vars = [(self._clipped(g, v), v) for g, v in grads_and_vars]
        return super().apply_gradients(grads_and_vars, name=name)

    def _clipped(self, g, variable):
        if g is None:
            return None
        if isinstance(g, IndexedSlices):
            return IndexedSlices(self._clipped(g.values, variable), g.indices, g.dense_shape)
        g = as_tensor(g, None if hasattr(g, "dtype") else variable.dtype)
        if self.clipnorm is not None:
            g = clip_by_norm(g, self.clipnorm)
        return g if self.clipvalue is None else clip_by_value(g, -self.clipvalue, self.clipvalue)

    def minimize(self, loss, var_list=None, grad_loss=None, name=None):
        """One step down the gradient of a loss: `compute_gradients`, then `apply_gradients`.

        Args:
            loss: a function without arguments that computes the loss, or a tensor of a graph: then all this
                is an operation, which sessions run.
            var_list: the variables to change, or a function that gives them once `loss` has run; by default
                the trainable ones that `loss` reads.
            grad_loss: the gradient of what `loss` gives, ones by default.

        Raises:
            RuntimeError: a loss that is no function.
            ValueError: the loss has no gradient for any variable.
        """
        if graph_steps.elsewhere(loss):
            with loss.graph.as_default():
                return self.minimize(loss, var_list, grad_loss, name)
        return self.apply_gradients(self.compute_gradients(loss, var_list, grad_loss=grad_loss), name)

    def _finish(self):
        put(self._iterations, held(self._iterations) + 1)

    # ---- state
    def _slot_variable_name(self, variable, slot, position):
        return f"{self._name}/{variable._name}/{slot}"

    @property
    def weights(self):
        """The variables of its state: iterations, then slot by slot."""
        slots = [slot for of_name in self._slots.values() for slot in of_name.values()]
        return [self._iterations, *self._non_slots.values(), *slots]

    def variables(self):
        """The variables of its state: iterations, then slot by slot."""
        return self.weights

    def get_weights(self):
        """The values of `weights`, NumPy arrays."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights):
        """Assign to `weights`.

        Raises:
            ValueError: another number of arrays, or one of another shape; nothing has changed then.
        """
        own = self.weights
        if len(weights) != len(own):
            raise ValueError(f"You called `set_weights(weights)` on optimizer {self._name} with a  weight "
                             f"list of length {len(weights)}, but the optimizer was expecting {len(own)} "
                             "weights")
        for v, value in zip(own, weights, strict=True):
            if np.shape(value) != v._data.shape:
                raise ValueError(f"Optimizer weight shape {v._data.shape} not compatible with provided "
                                 f"weight shape {np.shape(value)}")
        for v, value in zip(own, weights, strict=True):
            v.assign(np.asarray(value, v._data.dtype))

    # ---- configs
    def get_config(self):
        """The arguments that make such an optimizer."""
        clips = {k: getattr(self, k) for k in ("clipnorm", "clipvalue") if getattr(self, k) is not None}
        hyper = {name: self._plain(self._hyper[name]) for name in ("learning_rate", "decay",
                                                                    *self._hyper_names)}
        return {"name": self._name, **clips, **hyper}

    def _plain(self, value):
        if isinstance(value, schedules.LearningRateSchedule):
            return schedules.serialize(value)
        return number(value)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The optimizer of a config."""
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = schedules.deserialize(config["learning_rate"], custom_objects)
        return cls(**config)
