"""tmp"""
import numpy as np
from numbaflow.kernels import scalar
from numbaflow.core.optable import *
from numbaflow.core.optable import op
S=[Sample(normal(3,4),normal(4))]
U=[Sample(normal(3,4))]
@elementwise(scalar.add, grads={"x": lambda g: g, "y": lambda g: g}, reference=np.add, samples=S, kinds="iufc", operator="__add__")
def add(x, y, name=None):
    """a"""
@elementwise(scalar.subtract, grads={"x": lambda g: g, "y": lambda g: -g}, reference=np.add, samples=S, kinds="iufc", operator="__sub__")
def subtract(x, y, name=None):
    """a"""
@elementwise(scalar.multiply, grads={"x": lambda g, y: g*y, "y": lambda g, x: g*x}, reference=np.add, samples=S, kinds="iufc", operator="__mul__")
def multiply(x, y, name=None):
    """a"""
@elementwise(scalar.negative, grads={"x": lambda g: -g}, reference=np.add, samples=S, kinds="iufc", operator="__neg__")
def negative(x, name=None):
    """a"""
@elementwise(scalar.tanh, grads={"x": lambda g, y: g * (1.0 - y * y)}, reference=np.tanh, samples=U)
def tanh(x, name=None):
    """t"""
@elementwise(scalar.square, grads={"x": lambda g, x: g * (2.0*x)}, reference=np.tanh, samples=U)
def square(x, name=None):
    """t"""
from numbaflow.kernels import reduce as R
from numbaflow.core import table
@op(inputs="x", grads={"x": lambda g, x_shape: table.face("broadcast_to")(g, x_shape)}, reference=np.sum, samples=U)
def reduce_sum(x, axis=None, keepdims=False, name=None):
    """s"""
    return R.reduce_sum(x, tuple(range(x.ndim)), keepdims)
@op(inputs="x", grads={"x": lambda g, x_shape: table.face("sum_to")(g, x_shape)}, reference=np.sum, samples=U)
def broadcast_to(x, shape, name=None):
    """s"""
    return np.broadcast_to(x, shape)
@op(inputs="x", grads={"x": lambda g, x_shape: table.face("broadcast_to")(g, x_shape)}, reference=np.sum, samples=U)
def sum_to(x, shape, name=None):
    """s"""
    return R.sum_to(x, shape)
@op(inputs="x", grads={"x": lambda g: g}, reference=np.sum, samples=U)
def identity(x, name=None):
    """s"""
    return x
