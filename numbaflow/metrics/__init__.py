"""Metrics as objects: state in variables, updated by calls (`tf.contrib.eager.metrics`)."""
