"""Summaries for TensorBoard (`tf.contrib.summary`)."""
