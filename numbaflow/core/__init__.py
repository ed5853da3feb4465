"""The machine, which knows no particular op: dtypes, tensors, the op table, tapes, gradients."""
