"""Checkpoints of the variables of a graph, saved and restored in sessions."""
import pytest

import numbaflow as nf
from numbaflow.core.errors import FailedPreconditionError, NotFoundError
from numbaflow.graph.mode.graph_mode import Graph
from numbaflow.graph.mode.graph_variables import global_variables_initializer
from numbaflow.graph.mode.session import Session
from numbaflow.train import global_step, latest_checkpoint
from numbaflow.train.session_saver import Saver


@pytest.fixture
def session():
    with Session(graph=Graph()) as s:
        yield s


def test_what_is_saved_is_restored(tmp_path, session):
    v, w = nf.Variable([1.0, 2.0], name="v"), nf.Variable(3, name="w")
    saver = Saver()
    with pytest.raises(FailedPreconditionError, match="Attempting to use uninitialized value v"):
        saver.save(session, tmp_path / "m")
    session.run(global_variables_initializer())
    path = saver.save(session, tmp_path / "m", global_step=w)
    assert path == str(tmp_path / "m-3") == latest_checkpoint(tmp_path)
    assert global_step(session, w) == 3
    with Session(graph=Graph()) as other:
        v = nf.Variable([0.0, 0.0], name="v")
        with pytest.raises(NotFoundError):
            Saver({"u": v}).restore(other, path)
        Saver([v]).restore(other, path)
        assert other.run(v).tolist() == [1.0, 2.0]


def test_the_oldest_go(tmp_path, session):
    v = nf.Variable(1.0)
    session.run(v.initializer)
    saver = Saver(max_to_keep=2)
    paths = [saver.save(session, tmp_path / "m", k) for k in range(3)]
    assert saver.last_checkpoints == paths[1:]
    with pytest.raises(NotFoundError):
        saver.restore(session, paths[0])
    saver.restore(session, paths[1])


def test_arguments(session):
    with pytest.raises(ValueError, match="No variables to save"):
        Saver()
    nf.Variable(1.0)
    with pytest.raises(ValueError, match="load save_path when it is None"):
        Saver().restore(session, None)
