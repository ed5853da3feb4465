"""Devices by name, and the scopes that choose one.

Ops do not look at the device scope.  Where tensors are made (`guard`) the function that makes them is swapped
while some thread is in the scope of a device that is not there, and faces (`watch`) take no tensor for one of
the CPU while some thread is in the scope of a GPU, so the checks cost nothing at other times.
"""
import threading
from collections.abc import Callable
from typing import NamedTuple

from numbaflow.kernels.cuda import backend

from .errors import InvalidArgumentError

__all__ = ["CPU", "HOST", "check", "device", "guard", "list_devices", "name_of", "num_gpus", "place",
           "places", "watch"]

CPU = "/job:localhost/replica:0/task:0/device:CPU:0"
HOST = None                     # the place of a CPU's tensors; a GPU's is its number


def name_of(place):
    """The full name of a place."""
    return CPU if place is HOST else f"{CPU[:-5]}GPU:{place}"


def list_devices():
    """The names of the devices: the CPU, then the GPUs.

    >>> import numbaflow as nf
    >>> nf.contrib.eager.list_devices()[0]
    '/job:localhost/replica:0/task:0/device:CPU:0'
    """
    return [CPU, *map(name_of, range(num_gpus()))]


def num_gpus():
    """The number of GPUs that ops can run on: 0 without `pip install numbaflow[cuda]`.

    >>> import numbaflow as nf
    >>> nf.contrib.eager.num_gpus() == len(nf.contrib.eager.list_devices()) - 1
    True
    """
    found = backend.available()
    return 0 if found is None else found.count


class _Places:
    """Whether new tensors may have to go elsewhere than to the CPU, which who makes one asks first.

    `on` is set while a thread is in the scope of a GPU, and from the start where there may be a GPU.  The
    others are what `placement` and `dispatch`, which stand above tensors, do for them.
    """

    on = backend.installed()
    used = False                # whether there has been a tensor on a GPU
    tensor: type
    scope: object
    run: Callable
    quick: Callable
    fresh: Callable
    fetch: Callable
    copy: Callable
    beside: Callable
    to_gpu: Callable
    settle: Callable
    shared: Callable
    taken: Callable


places = _Places()


def place():
    """Where new tensors of this thread go: HOST, or the number of a GPU."""
    chosen = _here.place
    if chosen is not None:
        return HOST if chosen < 0 else chosen
    found = backend.available()
    if found is not None and found.automatic:
        return 0
    places.on = _elsewhere > 0
    return HOST


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
    """The scope of this thread, and the name of its device when that device is not there.

    `place` is None where tensors are placed automatically, -1 on the CPU, else the number of a GPU.
    """

    spec: _Spec = _Spec()
    missing: str | None = None
    place: int | None = None


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
        outer, missing, place = _here.spec, _here.missing, _here.place
        inner = _Spec() if self._spec is None else self._spec.over(outer if any(outer) else _OUTERMOST)
        self._kept.append((outer, missing, place, inner))
        _go(inner, *_found(inner))

    def __exit__(self, *exc):
        outer, missing, place, inner = self._kept[-1]
        if _here.spec is not inner:
            raise RuntimeError("Exiting device scope without proper scope nesting")
        self._kept.pop()
        _go(outer, missing, place)


_OUTERMOST = parse(CPU)._replace(kind=None)


def _found(spec):
    """(The full name of a scope's device if it is not there, its place)."""
    if spec.kind is None:
        here = spec.over(_OUTERMOST)[:3] == _OUTERMOST[:3]
        return (None, None) if here else (str(spec._replace(kind="CPU")), None)
    name = str(spec)
    if name == CPU:
        return None, -1
    if spec.kind == "GPU" and name in list_devices():
        return None, spec.number
    return name, None


def _go(spec, missing, place):
    """Make that the scope of this thread, and guards stand while any thread is where no device is."""
    global _threads, _elsewhere
    change = (missing is not None) - (_here.missing is not None)
    moved = (place is not None and place >= 0) - (_here.place is not None and _here.place >= 0)
    _here.spec, _here.missing, _here.place = spec, missing, place
    if change or moved:
        with _lock:
            _threads += change
            _elsewhere += moved
            places.on = places.on or _elsewhere > 0
            if change:
                for namespace, free, guarded in _guards:
                    namespace.update(guarded if _threads else free)
            if moved:
                for namespace, name, free in _watchers:
                    namespace[name] = Nowhere if _elsewhere else free


# ---- guards
_lock = threading.Lock()
_guards: list = []          # (namespace, its names and what they are, the same while guarded)
_watchers: list = []        # (namespace, a name in it, the class that it is)
_threads = 0                # how many are in the scope of a device that is not there
_elsewhere = 0              # how many are in the scope of a GPU


class Nowhere:
    """What faces take for the class of the CPU's tensors while a thread is in the scope of a GPU."""


def watch(namespace, name):
    """Let a name of a namespace, a class, be `Nowhere` while a thread is in the scope of a GPU."""
    with _lock:
        _watchers.append((namespace, name, namespace[name]))
        if _elsewhere:
            namespace[name] = Nowhere


def unscoped():
    """Whether this thread is in no scope that chooses a device."""
    return _here.place is None and _here.missing is None


def in_scope_of_cpu():
    """Whether this thread is in the scope of the CPU."""
    return _here.place == -1


def in_scope_of_gpu():
    """Whether this thread is in the scope of a GPU."""
    return _elsewhere > 0 and _here.place is not None and _here.place >= 0


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
    raise unknown(name)


def unknown(name):
    """The error for who makes a tensor on a device that is not there."""
    return RuntimeError(f"Error copying tensor to device: {name}. {name} unknown device.")
