"""Objective: what a model is compiled to make small, and what is measured beside it, for each of its outputs.

Losses and metrics are looked up when a model is compiled; which output they belong to is settled when the
outputs' names are known, and which accuracy "accuracy" is when the first batch shows its shapes.
"""
from math import prod

from numbaflow.core import nest
from numbaflow.core.tensor import Tensor
from numbaflow.keras import losses as losses_by_name, metrics as metrics_by_name
from numbaflow.keras.metrics import resolve
from numbaflow.ops.casting import cast
from numbaflow.ops.reduce import reduce_mean, reduce_sum
from numbaflow.ops.shape import expand_dims, reshape, squeeze

_SAME_SHAPE = {"mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error",
               "mean_squared_logarithmic_error", "binary_crossentropy", "categorical_crossentropy", "logcosh",
               "hinge", "squared_hinge", "categorical_hinge", "kullback_leibler_divergence", "poisson",
               "cosine_similarity", "cosine_proximity", "huber_loss"}
_BY_NUMBER = {"sparse_categorical_crossentropy"}
_WAITING = ("accuracy", "acc", "crossentropy", "ce")


class Objective:
    """The losses and metrics of a compiled model.

    Args:
        loss: a loss (name, function or object), or a list or dict of them by output.
        metrics, weighted_metrics: lists of metrics, or lists of lists or dicts of them by output; the
            weighted ones take sample weights into account.
        loss_weights: a list or dict of numbers by output.
        names: the names of the model's outputs, or None where only a call shows how many there are.
    """

    def __init__(self, loss=None, metrics=None, weighted_metrics=None, loss_weights=None, names=None):
        for what, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if given is not None and not isinstance(given, (list, tuple, dict)):
                raise TypeError(f"{what}: a list or dict is expected, got {given!r}")
        self._loss = _looked_up(loss, losses_by_name.get)
        self._metrics = _looked_up(metrics, _checked_metric)
        self._weighted = _looked_up(weighted_metrics, _checked_metric)
        self._loss_weights = loss_weights
        self.outputs = None
        if names is not None:
            self.bind(names)

    # ---- which output has which
    def bind(self, names):
        """Settle which output has which losses and metrics, by the outputs' names."""
        losses = _by_output(self._loss, names, "loss", spread=len(names) > 1)
        weights = _by_output(self._loss_weights, names, "loss_weights")
        plain = _metrics_by_output(self._metrics, names, "metrics")
        weighted = _metrics_by_output(self._weighted, names, "weighted_metrics")
        taken = set()
        self.outputs = [
            Output(name, losses[k], 1.0 if weights[k] is None else float(weights[k]), plain[k], weighted[k],
                   f"{name}_" if len(names) > 1 else "", taken)
            for k, name in enumerate(names)]
        self._only = self.outputs[0] if len(names) == 1 else None

    def bind_to(self, outputs):
        """The same, for the outputs of a call: "output_1" and so on, or the keys of a dict."""
        if self.outputs is None:
            self.bind(sorted(outputs) if isinstance(outputs, dict) else
                      [f"output_{k + 1}" for k in range(len(nest.flatten(outputs)))])

    @property
    def metrics_names(self):
        """What is reported, in order: the loss, those of several outputs, the metrics."""
        if self.outputs is None:
            return Objective(self._loss, self._metrics, self._weighted, names=self._likely()).metrics_names
        own = [] if self._only else [f"{o.name}_loss" for o in self.outputs if o.loss is not None]
        return ["loss", *own, *[name for o in self.outputs for name in o.metric_names]]

    def _likely(self):
        """The names of outputs before a call has told: as many as there are losses."""
        loss = self._loss
        if isinstance(loss, dict):
            return sorted(loss)
        return [f"output_{k + 1}" for k in range(len(loss) if isinstance(loss, list) else 1)]

    @property
    def metrics(self):
        """The metrics, as objects; those that wait for a batch are not among them."""
        return [m for o in self.outputs or () for m in o.metrics if m is not None]

    # ---- a batch
    def arranged(self, y, outputs, weights):
        """A list of (output's record, its targets, its predictions, its sample weights)."""
        if self.outputs is None:
            self.bind_to(outputs)
        if self._only is not None and type(outputs) is Tensor and type(y) is Tensor and not (
                weights is not None and type(weights) is not Tensor):
            return [(self._only, self._only.target(y, outputs), outputs, weights)]
        names = [o.name for o in self.outputs]
        ys = _by_output(y, names, "y", spread=len(names) == 1)
        ws = _by_output(weights, names, "sample_weight", spread=True)
        ps = [outputs[n] for n in names] if isinstance(outputs, dict) else nest.flatten(outputs)
        if len(ps) != len(names):
            raise ValueError(f"the model gave {len(ps)} outputs, and was compiled for {', '.join(names)}")
        return [(o, o.target(t, p), p, w) for o, t, p, w in zip(self.outputs, ys, ps, ws, strict=True)]

    def losses(self, arranged):
        """The total, and the loss of each output that has one; the total is None where none has."""
        total, each = None, []
        for output, y, prediction, weights in arranged:
            if output.loss is not None:
                value = output.loss_of(y, prediction, weights)
                each.append(value)
                part = value if output.weight == 1.0 else value * output.weight
                total = part if total is None else total + part
        return total, each

    def update_metrics(self, arranged):
        """Tell the metrics of a batch."""
        for output, y, prediction, weights in arranged:
            if output.metrics:
                output.update_metrics(y, prediction, weights)

    def results(self):
        """The metrics' values, floats in the order of their names."""
        return [0.0 if m is None else float(m.result()) for o in self.outputs or () for m in o.metrics]


class Output:
    """The loss and metrics of one output: `name` is its, `weight` that of its loss in the total."""

    def __init__(self, name, loss, weight, metrics, weighted_metrics, prefix, taken):
        self.name, self.loss, self.weight = name, loss, weight
        self._given = [*metrics, *weighted_metrics]
        self._takes_weights = [False] * len(metrics) + [True] * len(weighted_metrics)
        # accuracy and cross-entropy wait for a batch
        self.metrics = [None if m in _WAITING else resolve(m) for m in self._given]
        self.metric_names = [_unique(prefix + (given if made is None else made.name), taken)
                             for given, made in zip(self._given, self.metrics, strict=True)]
        self._whole = hasattr(loss, "reduction")            # a loss object: sums up by itself
        self._loss_name = _loss_name(loss)
        self._checked = None

    # ---- targets
    def target(self, y, prediction):
        """Targets as the loss wants them; ValueError for those that can't be meant."""
        if y is None:
            if self.loss is not None:
                raise ValueError(f"y is missing: the output {self.name!r} has the loss {self._loss_name}")
            return None
        key = y._data.shape[1:], prediction._data.shape[1:], y._data.ndim
        if key != self._checked:
            self._check(y._data.shape, prediction._data.shape)
            self._checked = key
        if y._data.ndim != prediction._data.ndim and self._loss_name not in _BY_NUMBER:
            y = _same_rank(y, prediction)
        return y

    def _check(self, y, prediction):
        name, loss = self.name, self._loss_name
        if prediction and y[:1] != prediction[:1]:
            raise ValueError(f"{prediction[0]} predictions of the output {name!r} for targets of shape {y}")
        if loss in _BY_NUMBER and y not in (prediction[:-1], (*prediction[:-1], 1)):
            raise ValueError(f"{loss}: targets of shape {y} for an output {name!r} of shape {prediction}; "
                             f"expected classes by number, of shape {prediction[:-1]}; for one-hot targets "
                             "use categorical_crossentropy")
        if loss in _SAME_SHAPE and y != prediction and _without_ones(y) != _without_ones(prediction):
            hint = "; for classes by number use sparse_categorical_crossentropy, or to_categorical" \
                if loss == "categorical_crossentropy" else ""
            raise ValueError(f"{loss}: targets of shape {y} for an output {name!r} of shape {prediction}; "
                             f"expected the same shape{hint}")

    # ---- loss and metrics
    def loss_of(self, y, prediction, weights):
        """The mean loss of a batch, its examples weighted."""
        weighted = weights is not None and self._whole
        values = self.loss(y, prediction, weights) if weighted else self.loss(y, prediction)
        if type(values) is not Tensor and not isinstance(values, Tensor):
            raise TypeError(f"the loss {self._loss_name} of {self.name!r} should give a tensor, got "
                            f"{type(values).__name__}")
        if weighted or weights is None:
            return reduce_mean(values) if values._data.ndim else values
        return reduce_sum(values * _weights_for(values, weights, self)) / float(prod(values._data.shape) or 1)

    def update_metrics(self, y, prediction, weights):
        """Tell the metrics of a batch."""
        for k, metric in enumerate(self.metrics):
            if metric is None:
                self.metrics[k] = metric = resolve(self._given[k], self._loss_of(y, prediction),
                                                   prediction._data.shape)
            if weights is not None and self._takes_weights[k]:
                metric.update_state(y, prediction, sample_weight=weights)
            else:
                metric.update_state(y, prediction)


    def _loss_of(self, y, prediction):
        """The loss, as far as the choice of an accuracy goes by it."""
        if self._loss_name == "binary_crossentropy" or self._loss_name in _BY_NUMBER:
            return self._loss_name
        y, prediction = y._data.shape, prediction._data.shape
        by_number = len(y) < len(prediction) or y[-1:] == (1,) != prediction[-1:]
        return "sparse_categorical_crossentropy" if by_number else None


def _loss_name(loss):
    """The name of a loss function, or of the one that a loss object stands for."""
    inner = getattr(loss, "_function", loss)
    return getattr(inner, "__name__", None) or type(loss).__name__


def _without_ones(shape):
    return shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape


def _same_rank(y, prediction):
    """Targets [n] for predictions [n, 1] get that axis, and targets [n, 1] for predictions [n] lose it."""
    ny, shape = y._data.ndim, prediction._data.shape
    if ny == len(shape) - 1 and shape[-1] == 1:
        return expand_dims(y, -1)
    if ny == len(shape) + 1 and y._data.shape[-1] == 1:
        return squeeze(y, -1)
    return y


def _weights_for(values, weights, output):
    """Sample weights with as many axes as the losses."""
    shape, given = values._data.shape, weights._data.shape
    if given[-1:] == (1,) and len(given) == len(shape) + 1:
        given = given[:-1]
    if not shape:
        raise ValueError(f"sample weights need a loss for each example; that of {output.name!r}, "
                         f"{output._loss_name}, gives one number a batch")
    if given != shape[:len(given)]:
        raise ValueError(f"sample_weight of shape {given} for losses of shape {shape} of {output.name!r}")
    weights = cast(weights, values._dtype)
    return reshape(weights, given + (1,) * (len(shape) - len(given)))


# ---- looking up
def _looked_up(given, get):
    """A structure of identifiers with each looked up."""
    if isinstance(given, dict) and "class_name" not in given:
        return {key: _looked_up(part, get) for key, part in given.items()}
    if isinstance(given, (list, tuple)):
        return [_looked_up(part, get) for part in given]
    return None if given is None else get(given)


def _checked_metric(identifier):
    """A metric as it was given; ValueError for an unknown one."""
    if identifier not in _WAITING:
        metrics_by_name.get(identifier)
    return identifier


def _unique(name, taken):
    known, k = name, 1
    while name in taken:
        name, k = f"{known}_{k}", k + 1
    taken.add(name)
    return name


# ---- by output
def _by_output(given, names, what, spread=False):
    """What each output gets of a list, a dict by names, or one for all where it may be spread."""
    if isinstance(given, dict):
        unknown = sorted(set(given) - set(names))
        if unknown:
            raise ValueError(f"{what}: there is no output {', '.join(map(repr, unknown))}; the outputs are "
                             f"{', '.join(names)}")
        return [given.get(name) for name in names]
    if isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ValueError(f"{what}: {len(given)} given for {len(names)} outputs ({', '.join(names)})")
        return list(given)
    if given is not None and len(names) > 1 and not spread:
        raise ValueError(f"{what}: a list or dict for the outputs {', '.join(names)} is expected")
    return [given] * len(names)


def _metrics_by_output(given, names, what):
    """The list of each output's metrics."""
    if given is None:
        return [[] for _ in names]
    if isinstance(given, dict):
        return [_as_list(part) for part in _by_output(given, names, what)]
    if any(isinstance(part, list) for part in given):
        return [_as_list(part) for part in _by_output(given, names, what)]
    if len(names) == 1:
        return [list(given)]
    return [[_copied(m) if k else m for m in given] for k in range(len(names))]


def _as_list(part):
    return [] if part is None else list(part) if isinstance(part, list) else [part]


def _copied(metric):
    """A metric of its own for each output: state is not shared."""
    made = hasattr(metric, "update_state")
    return type(metric).from_config(metric.get_config()) if made else metric
