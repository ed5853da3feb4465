"""Training: what a Model does with data, mixed into it: compile, fit, evaluate, predict."""
import contextlib

from numbaflow.core import dtypes, nest
from numbaflow.keras import optimizers
from numbaflow.keras.backend import floatx
from numbaflow.keras.callbacks import Callback, CallbackList, History, ProgbarLogger
from numbaflow.train import Optimizer

from . import training_loop as loop
from .calls import running
from .gathering import below
from .model_summary import print_summary
from .objective import Objective
from .saving import load_weights, save_weights
from .training_data import Feed, batches
from .whole_models import save_model

_NOT_COMPILED = ("You must compile your model before training/testing. Use `model.compile(optimizer, loss)`.")


class Training:
    """The part of a model that trains it, measures it and predicts with it.

    Its layers take `training` from the thread's `running`, whether or not the model's `call` hands it on.
    """

    # ---- compile
    def compile(self, optimizer="rmsprop", loss=None, metrics=None, loss_weights=None,
                sample_weight_mode=None, weighted_metrics=None, target_tensors=None, distribute=None,
                run_eagerly=None):
        """Say how the model is to be trained and what is measured.

        Args:
            optimizer: a name, or an optimizer of `nf.keras.optimizers` or `nf.train`.
            loss: a name, a function of (targets, predictions) that gives a value for each example or one
                number, or an object of `nf.keras.losses`; for several outputs a list or a dict by name.
            metrics: a list of names, functions or objects of `nf.keras.metrics`; for several outputs also a
                list of lists or a dict by name.  "accuracy" and "crossentropy" go by the targets' shape.
            loss_weights: for several outputs the weights of their losses in the total, a list or dict.
            sample_weight_mode: ignored: sample weights may have the leading axes of the losses.
            weighted_metrics: metrics that sample and class weights count in.
            target_tensors, distribute: not supported.
            run_eagerly: accepted; the model always runs eagerly.

        Raises:
            ValueError: an unknown name, or the name of no output.
            TypeError: something that is no optimizer, or metrics that are no list or dict.

        >>> import numpy as np
        >>> import numbaflow as nf
        >>> model = nf.keras.Sequential([nf.keras.layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile(nf.train.GradientDescentOptimizer(0.1), "mse", metrics=["mae"])
        >>> history = model.fit(np.ones((8, 2)), 3.0 * np.ones((8, 1)), epochs=3, verbose=0)
        >>> [round(loss, 3) for loss in history.history["loss"]]
        [9.0, 1.44, 0.23]
        """
        for name, value in (("target_tensors", target_tensors), ("distribute", distribute)):
            if value is not None:
                raise ValueError(f"compile: `{name}` is not supported when a model runs eagerly")
        objective = Objective(loss, metrics, weighted_metrics, loss_weights, self._names_of_outputs())
        optimizer = optimizers.get(optimizer)
        if not isinstance(optimizer, Optimizer):
            raise TypeError("compile: optimizer should be a name or an optimizer of nf.keras.optimizers or "
                            f"nf.train, got {optimizer!r}")
        self.optimizer = optimizer
        self.__dict__.update(_objective=objective, loss=loss, loss_weights=loss_weights, stop_training=False,
                             sample_weight_mode=sample_weight_mode, run_eagerly=run_eagerly is not False)

    def _names_of_outputs(self):
        """The names of a functional model's outputs; None where only a call tells."""
        if self._graph is not None and isinstance(self._graph.outputs, dict):
            return sorted(self._graph.outputs)
        return list(self.output_names) or None

    def _outputs_for(self, x, training):
        """The outputs for a batch."""
        kept, running.training = running.training, training
        try:
            return self(x)
        finally:
            running.training = kept

    def _compiled(self):
        objective = self.__dict__.get("_objective")
        if objective is None:
            raise RuntimeError(_NOT_COMPILED)
        return objective

    @property
    def metrics(self):
        """The metrics that the model was compiled with, and those of `add_metric`."""
        objective = self.__dict__.get("_objective")
        return [*(objective.metrics if objective else ()), *self._own_metrics()]

    @property
    def metrics_names(self):
        """The names of what `evaluate` and `train_on_batch` return."""
        return [*self._compiled().metrics_names, *[m.name for m in self._own_metrics()]]

    def _own_metrics(self):
        """The metrics of `add_metric`."""
        return super().metrics

    def _metric_results(self):
        return [*self._objective.results(), *[float(m.result()) for m in self._own_metrics()]]

    def reset_metrics(self):
        """Start all metrics again."""
        for metric in self.metrics:
            metric.reset_states()

    def reset_states(self):
        """Forget the states of the stateful layers."""
        for layer in self.layers:
            if hasattr(layer, "reset_states") and getattr(layer, "stateful", True):
                layer.reset_states()

    # ---- fit
    def fit(self, x=None, y=None, batch_size=None, epochs=1, verbose=1, callbacks=None, validation_split=0.0,
            validation_data=None, shuffle=True, class_weight=None, sample_weight=None, initial_epoch=0,
            steps_per_epoch=None, validation_steps=None, validation_freq=1, max_queue_size=10, workers=1,
            use_multiprocessing=False):
        """Train the model for some epochs.

        Args:
            x: inputs: an array or tensor, a list of them or a dict by input's name; or what gives batches of
                (inputs, targets) or (inputs, targets, sample weights): an `nf.data.Dataset`, a
                `keras.utils.Sequence`, a generator or another iterable.
            y: targets: like x; absent where x gives batches, or where no loss needs them.
            batch_size: examples in a batch, 32 by default.
            epochs: the number of the epoch to end before, counted from 0.
            verbose: 0 shows nothing, 1 a bar an epoch (a line where stderr is no terminal), 2 a line.
            callbacks: a list of `keras.callbacks.Callback`.
            validation_split: the share of the last examples of arrays that is kept for validation.
            validation_data: (x, y), (x, y, sample_weight), or what gives batches.
            shuffle: whether each epoch takes the examples of arrays, or the batches of a Sequence, in another
                order; "batch" shuffles whole batches of arrays.
            class_weight: a dict from class to the weight of its examples; for several outputs a list or dict.
            sample_weight: a weight for each example; for several outputs a list or dict.
            initial_epoch: the number of the first epoch.
            steps_per_epoch: batches in an epoch; needed where the data has no end.
            validation_steps: batches of validation.
            validation_freq: validate after every so many epochs, or after those of a list, counted from 1.
            max_queue_size, workers, use_multiprocessing: ignored; `nf.data` reads ahead in threads.

        Returns:
            A `History`: `history.history["loss"]` is the list of the epochs' mean losses, and so for each
            metric, and for those of validation as "val_...".

        Raises:
            RuntimeError: the model is not compiled.
            ValueError: no data, arrays of different lengths, targets that do not fit the outputs, or data
                without an end and no `steps_per_epoch`.
        """
        self._compiled()
        source = self._batches(x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight,
                               "steps_per_epoch")
        held = None
        if validation_data is not None:
            held = self._validation(validation_data, batch_size, validation_steps)
        elif validation_split:
            if not hasattr(source, "split"):
                raise ValueError("validation_split goes with arrays only; give validation_data")
            source, kept = source.split(validation_split)
            held = Feed(kept, validation_steps, fresh=True)
        feed = Feed(source, steps_per_epoch)
        self.history = History()
        callbacks = [callbacks] if isinstance(callbacks, Callback) else callbacks or []
        calls = self._callbacks([*callbacks, self.history], verbose, feed, epochs, held is not None)

        def validate(epoch):
            if held is None or not _is_due(epoch, validation_freq):
                return {}
            return {f"val_{name}": v for name, v in loop.evaluated_pass(self, held, calls).items()}

        with contextlib.closing(calls):
            loop.fit_epochs(self, feed, calls, range(initial_epoch, epochs), validate)
        return self.history

    def _validation(self, data, batch_size, steps):
        if isinstance(data, (tuple, list)):
            if len(data) not in (2, 3):
                raise ValueError("validation_data is (x, y), (x, y, sample_weight) or a dataset; got "
                                 f"{len(data)} parts")
            x, y, weight = (*data, None)[:3]
            source = self._batches(x, y, weight, batch_size, steps, False, None, "validation_steps")
        else:
            source = self._batches(data, None, None, None, steps, False, None, "validation_steps")
        return Feed(source, steps, fresh=not hasattr(data, "__next__"))

    def _batches(self, x, y=None, sample_weight=None, batch_size=None, steps=None, shuffle=False,
                 class_weight=None, steps_name="steps"):
        return batches(x, y, sample_weight, batch_size, steps, shuffle, class_weight, self._float_dtype(),
                       steps_name)

    def _float_dtype(self):
        """What floats of data become: the dtype of the model, or else of the first layer that has one."""
        named = (layer.dtype for layer in (self, *below(self)))
        return dtypes.as_numpy(next((d for d in named if d in ("float32", "float64")), floatx()))

    def _callbacks(self, given, verbose, feed, epochs=1, validates=False):
        """All callbacks, with the one that shows progress."""
        calls = CallbackList([*given, ProgbarLogger()] if verbose else given)
        names = self.metrics_names if "_objective" in self.__dict__ else []
        calls.set_model(self)
        calls.set_params({
            "batch_size": feed.source.batch_size, "epochs": epochs, "steps": feed.steps,
            "samples": feed.source.samples, "verbose": verbose, "do_validation": validates,
            "metrics": [*names, *[f"val_{name}" for name in names if validates]]})
        return calls

    def fit_generator(self, generator, steps_per_epoch=None, epochs=1, verbose=1, callbacks=None,
                      validation_data=None, validation_steps=None, validation_freq=1, class_weight=None,
                      max_queue_size=10, workers=1, use_multiprocessing=False, shuffle=True, initial_epoch=0):
        """`fit` on what gives batches."""
        return self.fit(generator, None, None, epochs, verbose, callbacks, 0.0, validation_data, shuffle,
                        class_weight, None, initial_epoch, steps_per_epoch, validation_steps, validation_freq)

    # ---- evaluate
    def evaluate(self, x=None, y=None, batch_size=None, verbose=1, sample_weight=None, steps=None,
                 callbacks=None, max_queue_size=10, workers=1, use_multiprocessing=False):
        """The loss and metrics of data, in inference mode; the arguments are those of `fit`.

        Args:
            steps: the number of batches; needed where the data has no end.

        Returns:
            The loss, or a list of the loss and metrics, as `metrics_names` has them.

        Raises:
            RuntimeError: the model is not compiled.
            ValueError: as for `fit`.
        """
        self._compiled()
        feed = Feed(self._batches(x, y, sample_weight, batch_size, steps), steps)
        calls = self._callbacks(callbacks or [], verbose, feed)
        with contextlib.closing(calls):
            logs = loop.evaluated_pass(self, feed, calls)
        return _as_results(list(logs.values()))

    def evaluate_generator(self, generator, steps=None, callbacks=None, max_queue_size=10, workers=1,
                           use_multiprocessing=False, verbose=0):
        """`evaluate` on what gives batches."""
        return self.evaluate(generator, verbose=verbose, steps=steps, callbacks=callbacks)

    # ---- predict
    def predict(self, x, batch_size=None, verbose=0, steps=None, callbacks=None, max_queue_size=10, workers=1,
                use_multiprocessing=False):
        """The model's outputs for data, in inference mode; the model need not be compiled.

        Args:
            x: as for `fit`; targets in it are ignored.
            steps: the number of batches; needed where the data has no end.

        Returns:
            An array, or arrays in the structure of the model's outputs.

        >>> import numpy as np
        >>> import numbaflow as nf
        >>> model = nf.keras.Sequential([nf.keras.layers.Dense(1, kernel_initializer="ones")])
        >>> model.predict(np.ones((2, 3))).tolist()
        [[3.0], [3.0]]
        """
        feed = Feed(self._batches(x, None, None, batch_size, steps), steps)
        calls = self._callbacks(callbacks or [], verbose, feed)
        with contextlib.closing(calls):
            return loop.predicted_pass(self, feed, calls)

    def predict_generator(self, generator, steps=None, callbacks=None, max_queue_size=10, workers=1,
                          use_multiprocessing=False, verbose=0):
        """`predict` on what gives batches."""
        return self.predict(generator, None, verbose, steps, callbacks)

    # ---- one batch
    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, reset_metrics=True):
        """One step of training on a batch.

        Args:
            x, y, sample_weight, class_weight: as for `fit`.
            reset_metrics: measure this batch alone, not with those before.

        Returns:
            The loss, or a list of the loss and metrics, as `metrics_names` has them.
        """
        return self._on_batch(loop.train_step, x, y, sample_weight, class_weight, reset_metrics)

    def test_on_batch(self, x, y=None, sample_weight=None, reset_metrics=True):
        """The loss and metrics of a batch; as `train_on_batch`, but nothing is changed."""
        return self._on_batch(loop.evaluate_step, x, y, sample_weight, None, reset_metrics)

    def _on_batch(self, step, x, y, sample_weight, class_weight, reset_metrics):
        self._compiled()
        if reset_metrics:
            self.reset_metrics()
        dtype = self._float_dtype()
        batch = next(batches(x, y, sample_weight, 2**62, None, False, class_weight, dtype).one_pass())
        return _as_results([*step(self, *batch), *self._metric_results()])

    def predict_on_batch(self, x):
        """The model's outputs for a batch, as arrays."""
        outputs = self._outputs_for(next(self._batches(x, batch_size=2**62).one_pass())[0], False)
        return nest.map_structure(lambda t: t.numpy(), outputs)

    # ---- printing, saving
    def summary(self, line_length=None, positions=None, print_fn=None):
        """Print a table of the layers, the shapes of their outputs and the numbers of their parameters.

        Args:
            line_length: characters in a line.
            positions: where the columns end, in characters or as shares of a line.
            print_fn: called with each line, by default print.

        Raises:
            ValueError: the model is not built.
        """
        print_summary(self, line_length, positions, print_fn)

    def save_weights(self, filepath, overwrite=True, save_format=None):
        """Save the weights, and the optimizer's state if the model is compiled, as a checkpoint.

        Args:
            filepath: the checkpoint's path; the file ``checkpoint`` beside it then names it as the latest.
            overwrite: replace a checkpoint of that name; otherwise it is an error.
            save_format: "tf" or None.

        Raises:
            ValueError: an unknown format, a name that looks like HDF5, or a model that is not built.
            NotImplementedError: format "h5".
            FileExistsError: `overwrite` is False and it exists.
        """
        save_weights(self, filepath, overwrite, save_format)

    def save(self, filepath, overwrite=True, include_optimizer=True, save_format=None):
        """Save the whole model in one file, for `keras.models.load_model`; see `keras.models.save_model`."""
        save_model(self, filepath, overwrite, include_optimizer, save_format)

    def load_weights(self, filepath, by_name=False):
        """Load what `save_weights` saved; variables that are made later take their values then.

        Returns:
            The status, with `assert_consumed()` and its like.

        Raises:
            NotFoundError: there is no such checkpoint.
            NotImplementedError: `by_name`, or an HDF5 file.
        """
        return load_weights(self, filepath, by_name)


def _as_results(values):
    return values[0] if len(values) == 1 else values


def _is_due(epoch, frequency):
    """Whether to validate after an epoch."""
    if isinstance(frequency, int):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency
