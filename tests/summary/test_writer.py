"""Writers: files, queues, defaults, closing."""
import re
import socket
import subprocess
import sys
import threading
import time

import pytest

import numbaflow as nf
from numbaflow import summary

from .events import events, files, tags, values


def scalars(*steps):
    for step in steps:
        summary.scalar("loss", float(step), step=step)


def test_the_file_is_there_at_once_with_its_version(tmp_path):
    before = time.time()
    summary.create_file_writer(str(tmp_path / "new" / "logs"))
    file, = files(tmp_path / "new" / "logs")
    found = re.fullmatch(r"events\.out\.tfevents\.(\d{10})\.(.+)\.v2", file.name)
    assert found[2] == socket.gethostname()
    assert abs(int(found[1]) - before) < 5
    event, = events(file)
    assert event.file_version == "brain.Event:2"
    assert abs(event.wall_time - before) < 5


def test_paths_suffixes_and_no_directory(tmp_path):
    summary.create_file_writer(tmp_path, filename_suffix=".mine")
    assert files(tmp_path)[0].name.endswith(".mine")
    nothing = summary.create_file_writer(None)
    nothing.set_as_default()
    assert summary.recording.here.writer is None
    with nothing.as_default(), summary.always_record_summaries():
        scalars(1)
    nothing.init()
    nothing.flush()
    nothing.close()
    with pytest.raises(TypeError, match="logdir must be a path, got int"):
        summary.create_file_writer(3)


def test_more_than_max_queue_events_are_written(tmp_path):
    writer = summary.create_file_writer(tmp_path, max_queue=1)
    with writer.as_default(), summary.always_record_summaries():
        scalars(1)
        assert len(values(tmp_path)) == 0
        scalars(2)
        assert [step for step, _ in values(tmp_path)] == [1, 2]
        scalars(3)
        assert len(values(tmp_path)) == 2
    assert len(values(tmp_path)) == 3           # as_default flushes at its end


def test_events_that_are_old_are_written(tmp_path):
    with summary.create_file_writer(tmp_path, flush_millis=0).as_default(), summary.always_record_summaries():
        scalars(1)
        assert len(values(tmp_path)) == 1


def test_flush_writes_what_waits(writer, tmp_path):
    for flush in writer.flush, summary.flush, lambda: summary.flush(writer, name="now"):
        before = len(values(tmp_path))
        scalars(1)
        assert len(values(tmp_path)) == before
        flush()
        assert len(values(tmp_path)) == before + 1
    summary.recording.here.writer = None
    summary.flush()


def test_closed_writers_refuse_until_they_are_opened_again(writer, tmp_path):
    scalars(1)
    writer.close()
    writer.close()
    assert len(values(tmp_path)) == 1
    for _ in range(2):
        with pytest.raises(nf.errors.NotFoundError, match=r"closed; init\(\) opens a new file"):
            scalars(2)
    writer.flush()
    writer.init()
    scalars(3)
    writer.close()
    first, second = files(tmp_path)
    assert [e.step for e in events(first)[1:]] == [1]
    assert [e.step for e in events(second)[1:]] == [3]


def test_one_name_is_one_file(tmp_path):
    writers = [summary.create_file_writer(tmp_path) for _ in range(2)]
    writers.append(summary.create_file_writer(tmp_path / "elsewhere", name=f"logdir:{tmp_path}"))
    other = summary.create_summary_file_writer(tmp_path, name="other")
    with summary.always_record_summaries():
        for step, writer in enumerate([*writers, other]):
            with writer.as_default():
                scalars(step)
    first, second = files(tmp_path)
    assert sorted([[e.step for e in events(f)[1:]] for f in (first, second)]) == [[0, 1, 2], [3]]
    writers[0].close()
    with writers[1].as_default(), summary.always_record_summaries(), pytest.raises(nf.errors.NotFoundError):
        scalars(4)


def test_defaults_nest_and_belong_to_their_thread(writer, tmp_path):
    inner = summary.create_file_writer(tmp_path.parent / "inner")
    with inner.as_default() as given:
        scalars(1)
    assert given is inner
    with pytest.raises(KeyError), inner.as_default():
        raise KeyError
    scalars(2)
    seen = []
    thread = threading.Thread(target=lambda: seen.append((summary.recording.here.writer, scalars(9))))
    thread.start()
    thread.join()
    writer.flush()
    inner.flush()
    assert seen == [(None, None)]
    assert [step for step, _ in values(tmp_path.parent / "inner")] == [1]
    assert [step for step, _ in values(tmp_path)] == [2]


def test_threads_may_share_a_writer(tmp_path):
    writer = summary.create_file_writer(tmp_path, max_queue=3)

    def work(k):
        with writer.as_default(), summary.always_record_summaries():
            scalars(*range(100 * k, 100 * k + 100))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(step for step, _ in values(tmp_path)) == list(range(400))


@pytest.mark.parametrize("end", ["", "del writer", "raise SystemExit"])
def test_what_waits_is_written_when_the_process_ends(tmp_path, end):
    code = ("import numbaflow as nf; s = nf.contrib.summary\n"
            f"writer = s.create_file_writer({str(tmp_path)!r})\n"
            "writer.set_as_default()\n"
            f"with s.always_record_summaries(): s.scalar('loss', 1.0, step=3)\n{end}")
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
    assert [(step, value.simple_value) for step, value in values(tmp_path)] == [(3, 1.0)]


def test_a_writer_that_nobody_holds_is_closed(tmp_path):
    for step in range(2):
        with summary.create_file_writer(tmp_path).as_default(), summary.always_record_summaries():
            scalars(step)
    assert [[e.step for e in events(f)[1:]] for f in files(tmp_path)] == [[0], [1]]


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto", None)
    with pytest.raises(ImportError, match=r"pip install 'numbaflow\[tensorboard\]'"):
        summary.create_file_writer(tmp_path)


def test_names_for_graph_programs(writer, tmp_path):
    summary.initialize()
    assert summary.all_summary_ops() is None
    assert summary.eval_dir("model") == "model/eval"
    with pytest.raises(RuntimeError, match="only supported in graph mode"):
        summary.summary_writer_initializer_op()
    for act in lambda: nf.summary.merge([]), nf.summary.merge_all:
        with pytest.raises(RuntimeError, match="not compatible with eager execution"):
            act()
    with pytest.raises(RuntimeError, match="FileWriter is not compatible with eager execution"):
        nf.summary.FileWriter("logs")
    summary.recording.here.writer = None
    with pytest.raises(RuntimeError, match="No default"):
        summary.initialize()
    assert tags(tmp_path) == []
