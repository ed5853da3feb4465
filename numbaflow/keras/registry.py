"""Objects by name: what the strings and configs stand for that Keras takes in place of objects."""
import threading


class _Custom(threading.local):
    """`objects`: the names that `custom_object_scope` gives in this thread."""

    def __init__(self):
        self.objects = {}


_custom = _Custom()


class custom_object_scope:
    """A context in which names and configs may stand for objects that are not the library's.

    Args:
        custom_objects: dicts name -> class or function.

    >>> import numbaflow as nf
    >>> def halved(x):
    ...     return x * 0.5
    >>> with nf.keras.utils.custom_object_scope({"halved": halved}):
    ...     layer = nf.keras.layers.Activation("halved")
    >>> layer(nf.constant([2.0])).numpy().tolist()
    [1.0]
    """

    def __init__(self, *custom_objects):
        self._given, self._kept = custom_objects, []

    def __enter__(self):
        self._kept.append(_custom.objects)
        _custom.objects = {**_custom.objects, **{n: v for names in self._given for n, v in names.items()}}

    def __exit__(self, *exc):
        _custom.objects = self._kept.pop()


class Registry:
    """The functions and classes of one kind, by name.

    Args:
        kind: what they are, for errors: "loss", say.
        objects: name -> function or class.  A class given by name is made with its defaults.
        base: the class of objects that are taken as they are; callables always are.
    """

    def __init__(self, kind, objects, base=()):
        self._kind, self._objects, self._base = kind, objects, base

    def get(self, identifier):
        """What a name, a config or an object stands for; None for None.

        Raises:
            ValueError: an unknown name, with the known ones.
            TypeError: something else.
        """
        if identifier is None or (self._base and isinstance(identifier, self._base)):
            return identifier
        if isinstance(identifier, (str, dict)):
            return self.deserialize(identifier)
        if isinstance(identifier, type):
            return identifier()
        if callable(identifier):
            return identifier
        raise TypeError(f"Could not interpret {self._kind} identifier: {identifier!r}")

    def deserialize(self, config, custom_objects=None):
        """The object of a name, or of ``{"class_name": name, "config": arguments}``.

        Args:
            config: a string or a dict, as `serialize` gives it.
            custom_objects: name -> function or class, for names of your own.
        """
        if isinstance(config, str):
            found = self._named(config, custom_objects)
            return found() if isinstance(found, type) else found
        if not isinstance(config, dict) or "class_name" not in config:
            raise ValueError(f"Improper config format: {config!r}; expected a name, or a dict of class_name "
                             "and config")
        found, arguments = self._named(config["class_name"], custom_objects), config.get("config", {})
        if not isinstance(found, type):
            return found
        with custom_object_scope(custom_objects or {}):         # for the parts that it names itself
            return found.from_config(arguments) if hasattr(found, "from_config") else found(**arguments)

    def serialize(self, value):
        """The name of a function, or the config of an object: what `deserialize` takes."""
        if value is None or isinstance(value, str):
            return value
        if hasattr(value, "get_config"):
            return {"class_name": type(value).__name__, "config": value.get_config()}
        if hasattr(value, "__name__"):
            return value.__name__
        raise ValueError(f"Cannot serialize {value!r}: it has neither get_config nor a name")

    def _named(self, name, custom_objects):
        for table in (custom_objects or {}, _custom.objects, self._objects):
            if name in table:
                return table[name]
        raise ValueError(f"Unknown {self._kind}: {name!r}; known are {', '.join(sorted(self._objects))}")
