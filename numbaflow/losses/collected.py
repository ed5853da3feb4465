"""The faces of TensorFlow's collections of losses, which eager execution does not fill.

What a layer adds as it runs stands in its `losses`; what a function computes it returns.
"""
from numbaflow.core.tensor import constant


def add_loss(loss, loss_collection="losses"):
    """Does nothing: eager execution keeps no collections.  Add the loss to your own sum.

    >>> import numbaflow as nf
    >>> nf.losses.add_loss(nf.constant(1.0))
    """


def get_losses(scope=None, loss_collection="losses"):
    """The losses collected, in eager execution none.

    >>> import numbaflow as nf
    >>> nf.losses.get_losses()
    []
    """
    return []


def get_regularization_losses(scope=None):
    """The regularization losses collected, in eager execution none: a layer's stand in its `losses`.

    >>> import numbaflow as nf
    >>> nf.losses.get_regularization_losses()
    []
    """
    return []


def get_regularization_loss(scope=None, name="total_regularization_loss"):
    """The sum of `get_regularization_losses`, 0 where there are none.

    >>> import numbaflow as nf
    >>> nf.losses.get_regularization_loss().numpy()
    np.float32(0.0)
    """
    return constant(0.0)


def get_total_loss(add_regularization_losses=True, name="total_loss"):
    """ValueError: eager execution collects no losses that could be added up.

    >>> import numbaflow as nf
    >>> nf.losses.get_total_loss()
    Traceback (most recent call last):
    ValueError: get_total_loss: eager execution collects no losses; add up what your loss functions return
    """
    raise ValueError("get_total_loss: eager execution collects no losses; add up what your loss functions "
                     "return")
