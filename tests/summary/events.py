"""Event files read back through the tensorboard package."""
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto import event_pb2


def files(logdir):
    return sorted(p for p in logdir.iterdir() if ".tfevents." in p.name)


def events(file):
    """The events of one file, in order."""
    return [event_pb2.Event.FromString(record) for record in RawEventFileLoader(str(file)).Load()]


def values(logdir):
    """The values of the one file in a folder, without the version event: (step, value) pairs."""
    file, = files(logdir)
    return [(event.step, value) for event in events(file)[1:] for value in event.summary.value]


def tags(logdir):
    return [value.tag for _, value in values(logdir)]


def accumulated(logdir):
    """What TensorBoard makes of a folder."""
    everything = dict.fromkeys(["images", "audio", "scalars", "histograms", "tensors"], 0)
    return EventAccumulator(str(logdir), size_guidance=everything).Reload()
