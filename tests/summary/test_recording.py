"""When summaries are recorded."""
import threading

import numpy as np
import pytest

import numbaflow as nf
from numbaflow import summary

from .events import values


def steps(logdir):
    summary.flush()
    return [step for step, _ in values(logdir)]


def test_nothing_is_recorded_by_default(tmp_path):
    summary.create_file_writer(tmp_path).set_as_default()
    assert not summary.should_record_summaries()
    summary.scalar("loss", 1.0)
    assert steps(tmp_path) == []


def test_nothing_is_looked_at_while_recording_is_off(tmp_path):
    with summary.create_file_writer(tmp_path).as_default(), summary.never_record_summaries():
        for kind in (summary.scalar, summary.histogram, summary.image, summary.generic, summary.text,
                     summary.graph):
            kind("bad", object())
        summary.audio("bad", object(), 0, 0)
        summary.import_event(object())


def test_every_n_global_steps(writer, tmp_path):
    step = nf.train.get_or_create_global_step()
    for _ in range(7):
        step.assign_add(1)
        with summary.record_summaries_every_n_global_steps(3):
            summary.scalar("loss", 1.0)
    assert steps(tmp_path) == [3, 6]


def test_the_guides_ten_steps_leave_the_version_event_alone(writer, tmp_path):
    step = nf.train.get_or_create_global_step()
    for _ in range(10):
        step.assign_add(1)
        with summary.record_summaries_every_n_global_steps(100):
            summary.scalar("global_step", step)
    assert steps(tmp_path) == []


def test_the_step_is_looked_at_for_each_summary(writer, tmp_path):
    mine = nf.Variable(1)
    with summary.record_summaries_every_n_global_steps(2, mine):
        for k in range(4):
            summary.scalar("loss", 1.0, step=k)
            mine.assign_add(1)
    assert steps(tmp_path) == [1, 3]


@pytest.mark.parametrize("step", [4, nf.constant(4), np.int64(4), nf.Variable(4)])
def test_steps_of_any_kind(writer, tmp_path, step):
    with summary.record_summaries_every_n_global_steps(2, step):
        summary.scalar("loss", 1.0, step=step)
    with summary.record_summaries_every_n_global_steps(3, step):
        summary.scalar("loss", 1.0, step=step)
    assert steps(tmp_path) == [4]


def test_contexts_nest(writer, tmp_path):
    with summary.never_record_summaries():
        with summary.always_record_summaries():
            assert summary.should_record_summaries()
            summary.scalar("loss", 1.0, step=1)
        assert not summary.should_record_summaries()
        summary.scalar("loss", 1.0, step=2)
    with pytest.raises(KeyError), summary.never_record_summaries():
        raise KeyError
    summary.scalar("loss", 1.0, step=3)
    assert steps(tmp_path) == [1, 3]


def test_recording_belongs_to_a_thread():
    seen = []
    with summary.always_record_summaries():
        thread = threading.Thread(target=lambda: seen.append(summary.should_record_summaries()))
        thread.start()
        thread.join()
    assert seen == [False]


def test_n_is_positive():
    with pytest.raises(ValueError, match="n must be positive, got 0"):
        summary.record_summaries_every_n_global_steps(0)
