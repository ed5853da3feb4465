"""Input pipelines: `Dataset` and its iterators."""
