"""Losses and metrics that layers add: penalties of weights and outputs, and what `call` reports."""
from numbaflow.core.shape import Extent
from numbaflow.core.tensor import Tensor, as_tensor

from . import gathering
from .calls import running
from .symbolic import SymbolicTensor


class _Added:
    """`any`: whether a layer of this process has ever added a loss in a call; else none is to forget."""

    any = False


_added = _Added()


class LossesAndMetrics:
    """The part of a Layer that keeps losses and metrics."""

    def add_loss(self, losses, inputs=None):
        """Add losses: tensors, which last until the outermost layer is called again, or functions.

        Args:
            losses: a scalar tensor, a function that gives one, or a list of these.
            inputs: not used.

        >>> import numbaflow as nf
        >>> class Penalized(nf.keras.layers.Layer):
        ...     def call(self, inputs):
        ...         self.add_loss(nf.reduce_sum(inputs))
        ...         return inputs
        >>> layer = Penalized()
        >>> _ = layer(nf.ones((2, 2))), layer(nf.ones((1, 3)))
        >>> [loss.numpy() for loss in layer.losses]
        [np.float32(3.0)]
        """
        for loss in losses if isinstance(losses, (list, tuple)) else [losses]:
            if callable(loss):
                self._penalties.append(loss)
            elif isinstance(loss, SymbolicTensor):
                raise ValueError(f"{self.name}: add_loss takes tensors and functions, got {loss!r}; call "
                                 "add_loss in the `call` of a layer")
            elif loss is not None and not running.probing:
                _added.any = True
                self._eager_losses.append(as_tensor(loss))

    def _penalize(self, outputs):
        for output in outputs if isinstance(outputs, (list, tuple)) else [outputs]:
            penalty = self._activity_regularizer(output)
            size = output.shape[0] if output.ndim else 1
            self.add_loss(penalty / (size if isinstance(size, Extent) else float(size)))    # the batch's mean

    def _forget_losses(self):
        """Forget the losses of earlier calls, here and in the layers within."""
        if _added.any:
            for layer in (self, *gathering.below(self)):
                layer._eager_losses.clear()

    @property
    def losses(self):
        """The losses of the last call and the penalties of weights as they are now, of all layers within."""
        found = []
        for layer in (self, *gathering.below(self)):
            found += layer._eager_losses
            values = [penalty() for penalty in layer._penalties]
            found += [v if isinstance(v, Tensor) else as_tensor(float(v)) for v in values if v is not None]
        return found

    @property
    def updates(self):
        """In a graph the operations that update what is not trained; else empty, for calls update at once."""
        kept = [v for v in self.non_trainable_weights if v.graph is not None]
        return [op for v in kept for op in v.graph.assignments(v)]

    def add_metric(self, value, aggregation=None, name=None):
        """Report a tensor of this call in a metric of that name, the mean over calls.

        Args:
            value: a tensor.
            aggregation: "mean".
            name: the metric's name.

        Raises:
            ValueError: no name, or another aggregation.
        """
        if aggregation != "mean":
            raise ValueError(f"{self.name}: add_metric knows the aggregation 'mean', got {aggregation!r}")
        if not isinstance(name, str):
            raise ValueError(f"{self.name}: add_metric needs a name for the metric, got {name!r}")
        from ..metrics import Mean
        if name not in self._eager_metrics:
            self._eager_metrics[name] = Mean(name=name)
        if not running.probing:
            self._eager_metrics[name].update_state(value)

    @property
    def metrics(self):
        """The metrics made by `add_metric`, of all layers within."""
        return [m for layer in (self, *gathering.below(self)) for m in layer._eager_metrics.values()]
