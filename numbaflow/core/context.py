"""The mode and the devices of the process, as far as the CPU goes.  Imports nothing."""

CPU = "/job:localhost/replica:0/task:0/device:CPU:0"


def enable_eager_execution(config=None, device_policy=None, execution_mode=None):
    """Does nothing: execution is always eager.

    >>> import numbaflow as nf
    >>> nf.enable_eager_execution()
    >>> nf.executing_eagerly()
    True
    """


def executing_eagerly():
    """Whether ops run as they are called: True."""
    return True


def list_devices():
    """The names of the devices."""
    return [CPU]


def num_gpus():
    """The number of GPUs: 0."""
    return 0
