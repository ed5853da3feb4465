"""The summaries themselves: one function a kind, each a tag, a step and a value in one event.

Every function asks `recorder` first and does nothing more while recording is off.  In a function that is
traced it leaves the work for each call.
"""
import re

from numbaflow.core import scopes
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.placement import fetch
from numbaflow.core.tensor import as_tensor
from numbaflow.train.global_step import get_or_create_global_step

from .histograms import buckets
from .later import later
from .pictures import BAD_COLOR, pixels, png
from .recording import LATER, recorder
from .sound import wave_file
from .writer import protos

__all__ = ["audio", "generic", "graph", "histogram", "image", "import_event", "scalar", "text"]


def scalar(name, tensor, family=None, step=None):
    """Record a number.

    Args:
        name: its name; enclosing name scopes are put before it.
        tensor: a real number, or a tensor or array of one.
        family: a name to group by, put before the tag as well.
        step: the step; by default the global step.

    Raises:
        InvalidArgumentError: a tensor of more than one number, or one that is not real.
        NotFoundError: the writer was closed.

    >>> import tempfile
    >>> import numbaflow as nf
    >>> from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    >>> summary = nf.contrib.summary
    >>> logdir = tempfile.mkdtemp()
    >>> with summary.create_file_writer(logdir).as_default(), summary.always_record_summaries():
    ...     summary.scalar("loss", 0.5, step=3)
    >>> EventAccumulator(logdir).Reload().Scalars("loss")[0].value
    0.5
    """
    writer = recorder()
    if writer is None:
        return
    if writer is LATER:
        later(lambda t, s: scalar(name, t, family, s), tensor, step)
        return
    tag, value = _tag(name, family), _real("scalar", name, tensor)
    if value.size != 1:
        raise InvalidArgumentError(f"scalar: {tag!r} takes one number, got shape {value.shape}")
    _write(writer, step, [{"tag": tag, "simple_value": float(value.reshape(()))}])


def histogram(name, tensor, family=None, step=None):
    """Record how the elements of a tensor are distributed.

    Args:
        name, family, step: as in `scalar`.
        tensor: real numbers of any shape.

    Raises:
        InvalidArgumentError: NaN or infinity among the elements, or a tensor that is not real.
        NotFoundError: the writer was closed.

    >>> import tempfile
    >>> import numbaflow as nf
    >>> from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    >>> summary = nf.contrib.summary
    >>> logdir = tempfile.mkdtemp()
    >>> with summary.create_file_writer(logdir).as_default(), summary.always_record_summaries():
    ...     summary.histogram("weights", [1.0, 2.0, 4.0], step=3)
    >>> EventAccumulator(logdir).Reload().Histograms("weights")[0].histogram_value.sum
    7.0
    """
    writer = recorder()
    if writer is None:
        return
    if writer is LATER:
        later(lambda t, s: histogram(name, t, family, s), tensor, step)
        return
    _, summary_pb2 = protos()
    tag, values = _tag(name, family), _real("histogram", name, tensor)
    found = summary_pb2.HistogramProto(**buckets(values.ravel(), tag))
    _write(writer, step, [{"tag": tag, "histo": found}])


def image(name, tensor, bad_color=None, max_images=3, family=None, step=None):
    """Record images as PNG files.

    Args:
        name, family, step: as in `scalar`; the tags are "<tag>/image/0" and so on, "<tag>/image" for
            `max_images=1`.
        tensor: (batch, height, width, channels) with 1, 3 or 4 channels.  uint8 is taken as it is.  Floats
            without negatives are scaled so that the largest is 255; with negatives, 0.0 becomes 128 and the
            largest magnitude reaches an end.
        bad_color: the uint8 channels of a pixel that is not finite; red by default.
        max_images: how many of the batch are recorded.

    Raises:
        InvalidArgumentError: another shape or dtype, or a bad_color of too few channels.
        NotFoundError: the writer was closed.

    >>> import tempfile
    >>> import numbaflow as nf
    >>> from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    >>> summary = nf.contrib.summary
    >>> logdir = tempfile.mkdtemp()
    >>> with summary.create_file_writer(logdir).as_default(), summary.always_record_summaries():
    ...     summary.image("digit", nf.zeros([1, 28, 28, 1]), max_images=1, step=3)
    >>> EventAccumulator(logdir).Reload().Images("digit/image")[0].width
    28
    """
    writer = recorder()
    if writer is None:
        return
    if writer is LATER:
        later(lambda t, s: image(name, t, bad_color, max_images, family, s), tensor, step)
        return
    _, summary_pb2 = protos()
    tag = _tag(name, family)
    batch = pixels(fetch(as_tensor(tensor)), tag, BAD_COLOR if bad_color is None else bad_color, max_images)
    values = []
    for k, picture in enumerate(batch):
        height, width, depth = picture.shape
        found = summary_pb2.Summary.Image(height=height, width=width, colorspace=depth,
                                          encoded_image_string=png(picture))
        values.append({"tag": f"{tag}/image" if max_images == 1 else f"{tag}/image/{k}", "image": found})
    _write(writer, step, values)


def audio(name, tensor, sample_rate, max_outputs, family=None, step=None):
    """Record sounds as WAV files of 16 bits.

    Args:
        name, family, step: as in `scalar`; the tags are "<tag>/audio/0" and so on, "<tag>/audio" for
            `max_outputs=1`.
        tensor: (batch, frames) or (batch, frames, channels) of floats from -1 to 1; others are clipped.
        sample_rate: frames a second, in hertz.
        max_outputs: how many of the batch are recorded.

    Raises:
        InvalidArgumentError: another shape or dtype, or a sample rate that is not positive.
        NotFoundError: the writer was closed.

    >>> import tempfile
    >>> import numbaflow as nf
    >>> from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    >>> summary = nf.contrib.summary
    >>> logdir = tempfile.mkdtemp()
    >>> with summary.create_file_writer(logdir).as_default(), summary.always_record_summaries():
    ...     summary.audio("tone", nf.sin(nf.linspace(0.0, 9.0, 40))[None], 8000, max_outputs=1, step=3)
    >>> EventAccumulator(logdir).Reload().Audio("tone/audio")[0].length_frames
    40
    """
    writer = recorder()
    if writer is None:
        return
    if writer is LATER:
        later(lambda t, s: audio(name, t, sample_rate, max_outputs, family, s), tensor, step)
        return
    _, summary_pb2 = protos()
    tag, sounds, rate = _tag(name, family), _real("audio", name, tensor), float(sample_rate)
    if sounds.ndim not in (2, 3) or rate <= 0:
        raise InvalidArgumentError(f"audio: {tag!r} takes (batch, frames[, channels]) and a positive sample "
                                   f"rate, got shape {sounds.shape} and {rate}")
    values = []
    for k, sound in enumerate(sounds.reshape(*sounds.shape[:2], -1)[:max_outputs]):
        frames, channels = sound.shape
        found = summary_pb2.Summary.Audio(sample_rate=rate, num_channels=channels, length_frames=frames,
                                          encoded_audio_string=wave_file(sound, rate),
                                          content_type="audio/wav")
        values.append({"tag": f"{tag}/audio" if max_outputs == 1 else f"{tag}/audio/{k}", "audio": found})
    _write(writer, step, values)


def generic(name, tensor, metadata=None, family=None, step=None):
    """Record a tensor as it is, for a plugin of TensorBoard.

    Args:
        name, family, step: as in `scalar`.
        tensor: a tensor or array, or a string or nested list of strings.
        metadata: a SummaryMetadata message of the tensorboard package, or its bytes; it names the plugin.

    Raises:
        NotFoundError: the writer was closed.

    >>> import tempfile
    >>> import numbaflow as nf
    >>> from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    >>> summary = nf.contrib.summary
    >>> logdir = tempfile.mkdtemp()
    >>> with summary.create_file_writer(logdir).as_default(), summary.always_record_summaries():
    ...     summary.generic("values", [1.5, 2.5], step=3)
    >>> len(EventAccumulator(logdir).Reload().Tensors("values")[0].tensor_proto.tensor_content)
    8
    """
    writer = recorder()
    if writer is None:
        return
    if writer is LATER:
        later(lambda t, s: generic(name, t, metadata, family, s), tensor, step)
        return
    _, summary_pb2 = protos()
    from tensorboard.util.tensor_util import make_tensor_proto
    if isinstance(metadata, bytes):
        metadata = summary_pb2.SummaryMetadata.FromString(metadata)
    value = make_tensor_proto(tensor if _is_text(tensor) else fetch(as_tensor(tensor)))
    _write(writer, step, [{"tag": _tag(name, family), "tensor": value, "metadata": metadata}])


def text(name, tensor, family=None, step=None):
    """Record text, which TensorBoard shows as Markdown.

    Args:
        name, family, step: as in `scalar`.
        tensor: a string, or a list of them, shown as a table.

    Raises:
        InvalidArgumentError: what holds no strings.
        NotFoundError: the writer was closed.

    >>> import tempfile
    >>> import numbaflow as nf
    >>> from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    >>> summary = nf.contrib.summary
    >>> logdir = tempfile.mkdtemp()
    >>> with summary.create_file_writer(logdir).as_default(), summary.always_record_summaries():
    ...     summary.text("note", "*learning*", step=3)
    >>> EventAccumulator(logdir).Reload().Tensors("note")[0].tensor_proto.string_val
    [b'*learning*']
    """
    if recorder() is None:
        return
    if not _is_text(tensor):
        raise InvalidArgumentError(f"text: {name!r} takes strings, got {type(tensor).__name__}")
    _, summary_pb2 = protos()
    plugin = summary_pb2.SummaryMetadata.PluginData(plugin_name="text")
    generic(name, tensor, summary_pb2.SummaryMetadata(plugin_data=plugin), family, step)


def _is_text(value):
    if isinstance(value, list | tuple):
        return bool(value) and all(_is_text(v) for v in value)
    return isinstance(value, str | bytes)


def graph(param, step=None, name=None):
    """Record a graph.

    Args:
        param: a GraphDef message of the tensorboard package, or its bytes.
        step: the step; by default the global step.

    Raises:
        TypeError: anything else.
    """
    writer = recorder()
    if writer is None:
        return
    data = param if isinstance(param, bytes) else getattr(param, "SerializeToString", lambda: None)()
    if data is None:
        raise TypeError(f"graph: expected a GraphDef or its bytes, got {type(param).__name__}")
    if writer is LATER:
        later(lambda data, s: graph(data, s), data, step)
        return
    writer._add(step=_step(step), graph_def=data)


def import_event(tensor, name=None):
    """Record an event that was made elsewhere, given as the bytes of its message."""
    writer = recorder()
    if writer is LATER:
        later(lambda event, _: import_event(event), bytes(tensor), 0)
    elif writer is not None:
        writer._add_bytes(bytes(tensor))


# ---- what they share
def _write(writer, step, values):
    _, summary_pb2 = protos()
    found = summary_pb2.Summary(value=[summary_pb2.Summary.Value(**v) for v in values])
    writer._add(step=_step(step), summary=found)


def _step(step):
    return int(get_or_create_global_step() if step is None else step)


def _real(kind, name, tensor):
    """The array of real numbers to record."""
    array = fetch(as_tensor(tensor))
    if array.dtype.kind == "c":
        raise InvalidArgumentError(f"{kind}: {name!r} takes real numbers, got {array.dtype.name}")
    return array


def _tag(name, family):
    """"<family>/<name scopes>/<family>/<name>", as TensorFlow 1.14 has it."""
    name = _clean(name)
    if family is None:
        return scopes.current() + name
    family = _clean(family)
    return f"{family}/{scopes.current()}{family}/{name}"


_other = re.compile(r"[^-/\w.]", re.ASCII)


def _clean(name):
    """The name with `_` for what a tag may not hold, and no slash in front."""
    return _other.sub("_", name).lstrip("/")
