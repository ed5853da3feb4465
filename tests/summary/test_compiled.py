"""Summaries of functions that are compiled: recorded at each call, with the values of then."""
import numpy as np

import numbaflow as nf
from numbaflow import summary
from numbaflow.graph.function import function

from .events import tags, values


def numbers(logdir):
    summary.flush()
    return [(step, value.tag, value.simple_value) for step, value in values(logdir)]


def test_each_call_records_its_values(writer, tmp_path):
    step = nf.train.get_or_create_global_step()
    step.assign(0)

    @function
    def run(x):
        with summary.always_record_summaries(), nf.name_scope("run"):
            summary.scalar("before", x)
            step.assign_add(1)
            summary.scalar("after", 2.0 * x)
            summary.scalar("given", 7.0, step=x)
    run(nf.constant(1.0))
    run(nf.constant(2.0))
    assert numbers(tmp_path) == [(0, "run/before", 1.0), (1, "run/after", 2.0), (1, "run/given", 7.0),
                                 (1, "run/before", 2.0), (2, "run/after", 4.0), (2, "run/given", 7.0)]


def test_conditions_are_looked_at_anew(writer, tmp_path):
    step = nf.Variable(np.int64(0))

    @function
    def run():
        step.assign_add(1)
        with summary.record_summaries_every_n_global_steps(2, step):
            summary.scalar("even", 1.0, step=step)
        with summary.never_record_summaries():
            summary.scalar("never", 1.0)
    for _ in range(4):
        run()
    assert numbers(tmp_path) == [(2, "even", 1.0), (4, "even", 1.0)]


def test_other_kinds(writer, tmp_path):
    @function
    def run(x):
        with summary.always_record_summaries():
            summary.histogram("histogram", x, step=1)
            summary.image("image", nf.reshape(x, (1, 2, 2, 1)), max_images=1, step=1)
            summary.audio("audio", x[None], 8000, max_outputs=1, step=1)
            summary.generic("generic", x, step=1)
            summary.text("text", "some", step=1)
            summary.graph(b"", step=1)
    run(nf.constant([0.0, 0.25, 0.5, 1.0]))
    summary.flush()
    assert tags(tmp_path) == ["histogram", "image/image", "audio/audio", "generic", "text"]


def test_without_a_writer_nothing_is_traced():
    run = function(lambda x: summary.scalar("loss", x))
    run(nf.constant(1.0))
    assert len(run.get_concrete_function(nf.constant(1.0)).graph.nodes) == 1


def test_metrics_write_their_results(writer, tmp_path):
    mean = nf.contrib.eager.metrics.Mean("loss")

    @function
    def run(x):
        mean(x)
        with summary.always_record_summaries():
            return mean.result()
    run(nf.constant([1.0, 3.0]))
    run(nf.constant([8.0, 8.0]))
    assert [number for _, _, number in numbers(tmp_path)] == [2.0, 5.0]
