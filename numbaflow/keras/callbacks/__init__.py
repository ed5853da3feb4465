"""Callbacks: what a training loop calls at its epochs and batches."""
from .base import Callback, CallbackList
from .checkpoints import ModelCheckpoint
from .lambdas import LambdaCallback
from .progress import ProgbarLogger
from .rates import LearningRateScheduler, ReduceLROnPlateau
from .records import CSVLogger, History
from .stopping import EarlyStopping, TerminateOnNaN
from .tensorboard import TensorBoard

__all__ = ["CSVLogger", "Callback", "CallbackList", "EarlyStopping", "History", "LambdaCallback",
           "LearningRateScheduler", "ModelCheckpoint", "ProgbarLogger", "ReduceLROnPlateau", "TensorBoard",
           "TerminateOnNaN"]
