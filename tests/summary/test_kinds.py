"""Every kind of summary, read back by TensorBoard's own reader."""
import io
import wave

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from tensorboard.compat.proto import event_pb2, graph_pb2, summary_pb2
from tensorboard.util.tensor_util import make_ndarray

import numbaflow as nf
from numbaflow import summary
from numbaflow.summary import histograms

from .events import accumulated, events, files, tags, values


def one(writer, logdir):
    """The one value that was recorded."""
    writer.flush()
    (_, value), = values(logdir)
    return value


# ---- scalars and tags
@pytest.mark.parametrize("value", [2.5, nf.constant(2.5), nf.Variable(2.5), np.float64(2.5), [2.5], [[2.5]]])
def test_scalars(writer, tmp_path, value):
    summary.scalar("loss", value, step=7)
    writer.flush()
    found, = accumulated(tmp_path).Scalars("loss")
    assert (found.step, found.value) == (7, 2.5)


def test_scalars_of_other_types(writer, tmp_path):
    for k, value in enumerate([3, True, nf.constant(2**40), float("inf"), float("nan")]):
        summary.scalar("x", value, step=k)
    writer.flush()
    found = [event.value for event in accumulated(tmp_path).Scalars("x")]
    np.testing.assert_array_equal(found, [3, 1, 2**40, np.inf, np.nan])


def test_the_step_is_the_global_step_unless_it_is_given(writer, tmp_path):
    nf.train.get_or_create_global_step().assign(12)
    summary.scalar("a", 1.0)
    summary.scalar("a", 1.0, step=nf.constant(2**40))
    writer.flush()
    assert [step for step, _ in values(tmp_path)] == [12, 2**40]


def test_tags(writer, tmp_path):
    summary.scalar("plain", 1.0)
    with nf.name_scope("scope"), nf.name_scope("inner"):
        summary.scalar("scalar", 1.0)
        summary.scalar("loss", 1.0, family="train")
        summary.histogram("h", [1.0])
    summary.scalar("loss", 1.0, "train")
    summary.scalar("/a b:c/d-e.f", 1.0, family="x y")
    summary.scalar("grün", 1.0)
    writer.flush()
    assert tags(tmp_path) == ["plain", "scope/inner/scalar", "train/scope/inner/train/loss", "scope/inner/h",
                              "train/train/loss", "x_y/x_y/a_b_c/d-e.f", "gr_n"]


@pytest.mark.parametrize(("act", "words"), [
    (lambda: summary.scalar("loss", [1.0, 2.0]), r"scalar: 'loss' takes one number, got shape \(2,\)"),
    (lambda: summary.scalar("loss", 1j), "scalar: 'loss' takes real numbers, got complex128"),
    (lambda: summary.histogram("h", [1.0, float("nan")]), "Nan in summary histogram for: h"),
    (lambda: summary.histogram("h", [1.0, float("-inf")]), "Infinity in summary histogram for: h"),
    (lambda: summary.image("i", nf.zeros([2, 3, 3])), r"image: 'i' takes \(batch, .*, got \(2, 3, 3\)"),
    (lambda: summary.image("i", nf.zeros([2, 3, 3, 2])), r"1, 3 or 4\), got \(2, 3, 3, 2\)"),
    (lambda: summary.image("i", nf.zeros([2, 3, 3, 1], nf.int32)), "takes uint8 or floats, got int32"),
    (lambda: summary.image("i", nf.zeros([2, 3, 3, 3]), [0]), r"bad_color needs 3 channels, got \[0\]"),
    (lambda: summary.audio("a", nf.zeros([3]), 8000, 1), r"audio: 'a' takes \(batch, frames.*\(3,\)"),
    (lambda: summary.audio("a", nf.zeros([1, 3]), 0, 1), "positive sample rate, got .* 0"),
    (lambda: summary.text("t", 3.0), "text: 't' takes strings, got float"),
    (lambda: summary.text("t", []), "text: 't' takes strings, got list"),
])
def test_mistakes_name_the_tag(writer, tmp_path, act, words):
    with pytest.raises(nf.errors.InvalidArgumentError, match=words):
        act()
    writer.flush()
    assert values(tmp_path) == []


# ---- histograms
def test_histograms(writer, tmp_path):
    drawn = np.random.default_rng(0).normal(1.0, 2.0, (50, 20)).astype(np.float32)
    summary.histogram("weights", drawn, step=3)
    writer.flush()
    event, = accumulated(tmp_path).Histograms("weights")
    found, drawn = event.histogram_value, drawn.astype(np.float64)
    assert event.step == 3
    assert (found.min, found.max, found.num) == (drawn.min(), drawn.max(), 1000)
    assert found.sum == pytest.approx(drawn.sum())
    assert found.sum_squares == pytest.approx(np.square(drawn).sum())
    assert sum(found.bucket) == 1000


VALUES = st.floats(-1e25, 1e25) | st.floats(-3, 3)


@settings(max_examples=50, deadline=None)
@given(arrays.arrays(np.float64, st.integers(0, 30), elements=VALUES))
def test_buckets_hold_the_values_between_their_limits(values):
    found = histograms.buckets(values, "h")
    ends, counts = np.array(found["bucket_limit"]), np.array(found["bucket"])
    assert (np.diff(ends) > 0).all()
    assert counts.sum() == values.size == found["num"]
    start = -np.inf
    for k, end in enumerate(ends):
        assert counts[k] == ((values >= start) & (values < end)).sum()
        start = end
    wide = (counts[1:] == 0) & (counts[:-1] == 0)
    assert not wide.any()


def test_limits_of_buckets_are_tensorflows():
    limits = histograms.limits()
    assert limits.size == 2 * 775 + 1
    assert (np.diff(limits) > 0).all()
    np.testing.assert_array_equal(limits, -limits[::-1])
    np.testing.assert_allclose(limits[777:779], [1.1e-12, 1.21e-12])


def test_histograms_of_integers_bools_and_nothing(writer, tmp_path):
    summary.histogram("i", nf.constant([1, 2, 2]))
    summary.histogram("b", [True, False])
    summary.histogram("e", nf.zeros([0]))
    writer.flush()
    found = [value.histo for _, value in values(tmp_path)]
    assert [(h.num, h.sum, h.sum_squares) for h in found] == [(3, 5, 9), (2, 1, 1), (0, 0, 0)]
    assert list(found[2].bucket) == [0]


# ---- images
def decoded(value):
    return np.asarray(Image.open(io.BytesIO(value.image.encoded_image_string)))


@pytest.mark.parametrize("depth", [1, 3, 4])
def test_images_of_bytes_come_back_as_they_were(writer, tmp_path, depth):
    given = np.random.default_rng(0).integers(0, 256, (2, 5, 7, depth), np.uint8)
    summary.image("batch", given, step=4)
    writer.flush()
    assert accumulated(tmp_path).Tags()["images"] == ["batch/image/0", "batch/image/1"]
    event, = accumulated(tmp_path).Images("batch/image/1")
    assert (event.step, event.width, event.height) == (4, 7, 5)
    for k, (_, value) in enumerate(values(tmp_path)):
        assert value.image.colorspace == depth
        np.testing.assert_array_equal(decoded(value).reshape(5, 7, depth), given[k])


def test_images_of_floats_are_scaled(writer, tmp_path):
    for image in [0.0, 1.0, 2.0], [0.0, -1.0, 0.5], [0.0, 0.0, 0.0], [0.0, -0.5, 1.0]:
        summary.image("x", nf.reshape(nf.constant(image), [1, 1, 3, 1]), max_images=1)
    writer.flush()
    assert tags(tmp_path) == ["x/image"] * 4
    assert [decoded(value).tolist() for _, value in values(tmp_path)] == [
        [[0, 127, 255]], [[128, 1, 191]], [[0, 0, 0]], [[128, 64, 255]]]


def test_pixels_that_are_not_finite_get_the_bad_color(writer, tmp_path):
    given = np.ones((1, 1, 3, 3), np.float32)
    given[0, 0, 0, 1], given[0, 0, 1, 2] = np.nan, np.inf
    summary.image("x", given)
    summary.image("x", given, bad_color=[1, 2, 3])
    summary.image("x", np.full((1, 1, 1, 1), np.nan))
    writer.flush()
    found = [decoded(value).tolist() for _, value in values(tmp_path)]
    assert found == [[[[255, 0, 0]] * 2 + [[255, 255, 255]]], [[[1, 2, 3]] * 2 + [[255, 255, 255]]], [[255]]]


def test_at_most_max_images_are_recorded(writer, tmp_path):
    given = nf.zeros([5, 2, 2, 1])
    summary.image("a", given)
    summary.image("b", given, max_images=1)
    summary.image("c", given[:1], max_images=4)
    writer.flush()
    assert tags(tmp_path) == ["a/image/0", "a/image/1", "a/image/2", "b/image", "c/image/0"]


# ---- sounds
@pytest.mark.parametrize("channels", [None, 1, 2])
def test_sounds(writer, tmp_path, channels):
    rng = np.random.default_rng(0)
    given = rng.uniform(-1.2, 1.2, (2, 40) if channels is None else (2, 40, channels)).astype(np.float32)
    summary.audio("sound", given, 8000, max_outputs=3, step=2)
    writer.flush()
    assert accumulated(tmp_path).Tags()["audio"] == ["sound/audio/0", "sound/audio/1"]
    event, = accumulated(tmp_path).Audio("sound/audio/1")
    assert (event.step, event.sample_rate, event.length_frames) == (2, 8000, 40)
    assert event.content_type == "audio/wav"
    with wave.open(io.BytesIO(event.encoded_audio_string)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (channels or 1, 8000, 2)
        heard = np.frombuffer(file.readframes(40), "<i2").reshape(40, -1) / 32767
    np.testing.assert_allclose(heard, np.clip(given[1].reshape(40, -1), -1, 1), atol=2e-5)


def test_at_most_max_outputs_are_recorded(writer, tmp_path):
    summary.audio("a", nf.zeros([3, 5]), nf.constant(8000.0), max_outputs=1)
    summary.audio("b", nf.zeros([3, 5]), 8000, max_outputs=2)
    writer.flush()
    assert tags(tmp_path) == ["a/audio", "b/audio/0", "b/audio/1"]


# ---- tensors, text, graphs, events
@pytest.mark.parametrize("serialized", [False, True])
def test_tensors_as_they_are(writer, tmp_path, serialized):
    metadata = summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="mine", content=b"3"))
    given = np.arange(6, dtype=np.int16).reshape(2, 3)
    summary.generic("x", nf.constant(given), metadata.SerializeToString() if serialized else metadata, step=5)
    writer.flush()
    found = accumulated(tmp_path)
    event, = found.Tensors("x")
    assert event.step == 5
    np.testing.assert_array_equal(make_ndarray(event.tensor_proto), given)
    assert found.PluginTagToContent("mine") == {"x": b"3"}


def test_tensors_without_metadata(writer, tmp_path):
    summary.generic("x", [1.5, 2.5])
    found = make_ndarray(one(writer, tmp_path).tensor)
    assert (found.dtype, found.tolist()) == (np.float32, [1.5, 2.5])


@pytest.mark.parametrize(("words", "read"), [
    ("*one*", b"*one*"), (["a", "b"], [b"a", b"b"]),
    ([["a", b"b"], ["c", "d"]], [[b"a", b"b"], [b"c", b"d"]]),
])
def test_text(writer, tmp_path, words, read):
    summary.text("notes", words, step=1)
    writer.flush()
    found = accumulated(tmp_path)
    event, = found.Tensors("notes")
    assert make_ndarray(event.tensor_proto).tolist() == read
    assert "notes" in found.PluginTagToContent("text")


def test_graphs(writer, tmp_path):
    graph = graph_pb2.GraphDef(node=[{"name": "a", "op": "NoOp"}])
    summary.graph(graph, step=2)
    summary.graph(graph.SerializeToString())
    writer.flush()
    file, = files(tmp_path)
    found = [(e.step, graph_pb2.GraphDef.FromString(e.graph_def)) for e in events(file)[1:]]
    assert found == [(2, graph), (0, graph)]
    assert accumulated(tmp_path).Graph() == graph
    with pytest.raises(TypeError, match="GraphDef or its bytes, got str"):
        summary.graph("a graph")


def test_events_made_elsewhere(writer, tmp_path):
    event = event_pb2.Event(step=3, summary={"value": [{"tag": "x", "simple_value": 0.5}]})
    summary.import_event(event.SerializeToString())
    assert one(writer, tmp_path).simple_value == 0.5


def test_a_tape_does_not_mind(writer, tmp_path):
    v = nf.Variable([3.0])
    with nf.GradientTape() as tape:
        y = v * v
        summary.histogram("y", y)
        summary.scalar("v", v)
    assert tape.gradient(y, v).numpy() == [6.0]
