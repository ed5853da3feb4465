"""Devices by name, and the scopes that choose one.  Imports nothing but errors.

Ops do not look at the device scope.  Where tensors are made (`guard`) the function that makes them is swapped
while some thread is in the scope of a device that is not there, so the check costs nothing at other times.
"""
import threading
from typing import NamedTuple

from .errors import InvalidArgumentError

__all__ = ["CPU", "check", "device", "guard", "list_devices", "num_gpus"]

CPU = "/job:localhost/replica:0/task:0/device:CPU:0"


def list_devices():
    """The names of the devices.

    >>> import numbaflow as nf
    >>> nf.contrib.eager.list_devices()
    ['/job:localhost/replica:0/task:0/device:CPU:0']
    """
    return [CPU]


def num_gpus():
    """The number of GPUs.

    >>> import numbaflow as nf
    >>> nf.contrib.eager.num_gpus()
    0
    """
    return sum(":GPU:" in name for name in list_devices())


# ---- names
class _Spec(NamedTuple):
    """The parts of a device's name; None where it leaves one open."""

    job: str | None = None
    replica: int | None = None
    task: int | None = None
    kind: str | None = None
    number: int | None = None

    def over(self, outer):
        """These parts, and the enclosing scope's where one is open."""
        return _Spec(*[o if own is None else own for own, o in zip(self, outer, strict=True)])

    def __str__(self):
        named = zip(self._fields[:3], self[:3], strict=True)
        parts = [f"/{name}:{value}" for name, value in named if value is not None]
        if self.kind is not None:
            parts.append(f"/device:{self.kind}:{'*' if self.number is None else self.number}")
        return "".join(parts)


_parsed: dict = {}


def parse(name):
    """The parts of a name like "/gpu:0" or "/job:localhost/replica:0/task:0/device:CPU:0"."""
    if not isinstance(name, str):
        raise ValueError(f"Expecting a string device name. Got {type(name)}({name})")
    spec = _parsed.get(name)
    if spec is None:
        spec = _parsed[name] = _Spec(**_parts(name))
    return spec


def _parts(name):
    found = {}
    for part in name.split("/"):
        words = part.split(":")
        if len(words) == 2 and words[0] in ("job", "replica", "task"):
            found[words[0]] = words[1] if words[0] == "job" else _number(words[1], name)
        elif len(words) <= 2 and words[0].upper() in ("CPU", "GPU"):
            _add_kind(found, words[0].upper(), words[1:], name)
        elif len(words) == 3 and words[0] == "device":
            _add_kind(found, words[1].upper(), words[2:], name)
        elif part:
            raise ValueError(f"Unknown attribute: '{words[0]}' in '{name}'")
    return found


def _add_kind(found, kind, number, name):
    if "kind" in found:
        raise ValueError(f"Cannot specify multiple device types: {name}")
    found["kind"] = kind
    if number and number[0] != "*":
        found["number"] = _number(number[0], name)


def _number(text, name):
    if not text.isdecimal():
        raise ValueError(f"Unknown attribute: '{text}' is not a number, in '{name}'")
    return int(text)


# ---- scopes
class _Here(threading.local):
    """The scope of this thread, and the name of its device when that device is not there."""

    spec: _Spec = _Spec()
    missing: str | None = None


_here = _Here()


class device:
    """A context whose ops run on the device of that name.

    The scope of a device that is not there can be entered; what makes a tensor in it raises.

    Args:
        device_name: such as ``"/cpu:0"``, ``"gpu:0"`` or ``"/device:GPU:1"``; parts that are left open are
            those of the enclosing scope.  None: place automatically.

    Raises:
        RuntimeError: a function for a name, or scopes that are not closed in the order they were opened.
        ValueError: a name that can't be read.

    >>> import numbaflow as nf
    >>> with nf.device("/cpu:0"):
    ...     print(nf.constant(1.0).device)
    /job:localhost/replica:0/task:0/device:CPU:0
    >>> with nf.device("/gpu:7"):
    ...     nf.constant(1.0)
    Traceback (most recent call last):
        ...
    RuntimeError: Error copying tensor to device: /job:localhost/replica:0/task:0/device:GPU:7. \
/job:localhost/replica:0/task:0/device:GPU:7 unknown device.
    """

    __slots__ = ("_kept", "_spec")

    def __init__(self, device_name):
        if callable(device_name):
            raise RuntimeError("tf.device does not support functions when eager execution is enabled.")
        self._spec, self._kept = None if device_name is None else parse(device_name), []

    def __enter__(self):
        outer, missing = _here.spec, _here.missing
        inner = _Spec() if self._spec is None else self._spec.over(outer if any(outer) else parse(CPU))
        self._kept.append((outer, missing, inner))
        _go(inner, None if inner.kind is None or str(inner) in list_devices() else str(inner))

    def __exit__(self, *exc):
        outer, missing, inner = self._kept[-1]
        if _here.spec is not inner:
            raise RuntimeError("Exiting device scope without proper scope nesting")
        self._kept.pop()
        _go(outer, missing)


def _go(spec, missing):
    """Make that the scope of this thread, and guards stand while any thread is where no device is."""
    global _threads
    change = (missing is not None) - (_here.missing is not None)
    _here.spec, _here.missing = spec, missing
    if change:
        with _lock:
            _threads += change
            for namespace, free, guarded in _guards:
                namespace.update(guarded if _threads else free)


# ---- guards
_lock = threading.Lock()
_guards: list = []          # (namespace, its names and what they are, the same while guarded)
_threads = 0                # how many are in the scope of a device that is not there


def guard(namespace, *names, op=None):
    """Let functions of a namespace raise in scopes of devices that are not there.

    Args:
        namespace: the dict that they are looked up in.
        names: their names in it.
        op: the name of the op that they make results for.
    """
    free = {name: namespace[name] for name in names}
    guarded = {name: _guarded(function, op) for name, function in free.items()}
    with _lock:
        _guards.append((namespace, free, guarded))
        if _threads:
            namespace.update(guarded)


def _guarded(function, op):
    def make(*args):
        check(op)
        return function(*args)
    return make


def check(op=None):
    """Raise if the device of this thread's scope is not there."""
    name = _here.missing
    if name is None:
        return
    if op is not None:
        raise InvalidArgumentError(f"{op}: {name} unknown device.")
    raise RuntimeError(f"Error copying tensor to device: {name}. {name} unknown device.")
