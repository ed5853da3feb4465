"""Tests of summaries start without a default writer, with recording off and a global step of their own."""
import sys

import pytest

import numbaflow as nf
from numbaflow.summary import recording


@pytest.fixture(autouse=True)
def nothing_recorded(monkeypatch):
    monkeypatch.setattr(recording.here, "writer", None)
    monkeypatch.setattr(recording.here, "condition", None)
    monkeypatch.setattr(sys.modules["numbaflow.train.global_step"], "_steps", {})


@pytest.fixture
def writer(tmp_path):
    """The default writer, to tmp_path, with recording on."""
    made = nf.summary.create_file_writer(str(tmp_path))
    made.set_as_default()
    with nf.summary.always_record_summaries():
        yield made
