"""Exceptions under TensorFlow's names, each also the Python built-in that fits.  Imports nothing."""

__all__ = [
    "AbortedError",
    "AlreadyExistsError",
    "CancelledError",
    "DataLossError",
    "DeadlineExceededError",
    "FailedPreconditionError",
    "InternalError",
    "InvalidArgumentError",
    "NotFoundError",
    "OpError",
    "OutOfRangeError",
    "PermissionDeniedError",
    "ResourceExhaustedError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
    "UnknownError",
]


class OpError(Exception):
    """An op could not be run; `message` says which, what came and what was expected."""

    def __init__(self, message="", node_def=None, op=None):
        super().__init__(message)
        self.message, self.node_def, self.op = message, node_def, op


def _error(name, builtin, code, doc):
    bases = (OpError, *builtin) if builtin else (OpError,)
    return type(name, bases, {"__doc__": doc, "error_code": code, "__module__": __name__})


CancelledError = _error("CancelledError", (), 1, "The op was cancelled.")
UnknownError = _error("UnknownError", (RuntimeError,), 2, "An error of no other class, from called code.")
InvalidArgumentError = _error("InvalidArgumentError", (ValueError, TypeError), 3,
                              "An argument's value, shape or dtype does not fit the op.")
DeadlineExceededError = _error("DeadlineExceededError", (TimeoutError,), 4, "It took too long.")
NotFoundError = _error("NotFoundError", (FileNotFoundError,), 5, "A file or an entity is not there.")
AlreadyExistsError = _error("AlreadyExistsError", (FileExistsError,), 6, "It exists already.")
PermissionDeniedError = _error("PermissionDeniedError", (PermissionError,), 7, "The caller may not do that.")
ResourceExhaustedError = _error("ResourceExhaustedError", (MemoryError,), 8, "Memory or the like ran out.")
FailedPreconditionError = _error("FailedPreconditionError", (RuntimeError,), 9, "The state forbids it.")
AbortedError = _error("AbortedError", (RuntimeError,), 10, "The op was aborted.")
OutOfRangeError = _error("OutOfRangeError", (IndexError,), 11, "Past the end of a range or a dataset.")
UnimplementedError = _error("UnimplementedError", (NotImplementedError,), 12, "The op does not do that.")
InternalError = _error("InternalError", (RuntimeError,), 13, "Something numbaflow relies on does not hold.")
UnavailableError = _error("UnavailableError", (ConnectionError,), 14, "It is not available now.")
DataLossError = _error("DataLossError", (OSError,), 15, "Data is lost or corrupted.")
UnauthenticatedError = _error("UnauthenticatedError", (PermissionError,), 16, "The caller is not known.")
