"""Graphs and sessions: what is fetched and fed, variables, order, derivatives, and the texts of errors."""
import re
import threading
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core.abstract import TracingError
from numbaflow.core.errors import FailedPreconditionError, InvalidArgumentError
from numbaflow.core.tape import tracing
from numbaflow.graph.flow import control, host
from numbaflow.graph.function import function
from numbaflow.graph.mode.graph_mode import Graph, get_default_graph, reset_default_graph
from numbaflow.graph.mode.graph_variables import (
    GraphKeys,
    add_to_collection,
    get_collection,
    global_variables,
    global_variables_initializer,
    local_variables_initializer,
    trainable_variables,
    variables_initializer,
)
from numbaflow.graph.mode.placeholders import placeholder, placeholder_with_default
from numbaflow.graph.mode.session import InteractiveSession, Session, get_default_session
from numbaflow.graph.mode.static_gradients import gradients


@pytest.fixture
def graph():
    with Graph().as_default() as g:
        yield g


@pytest.fixture
def session(graph):
    with Session() as s:
        yield s


def raises(kind, text):
    return pytest.raises(kind, match=re.escape(text))


def compiled(graph):
    """For each step that was run and each of its shapes whether it is a compiled program."""
    return [p is not None for step in graph.steps.values() for p in step._programs.values()]


# ---- fetches
def test_structures_of_fetches(session):
    x, y = nf.constant(2.0), nf.constant([1, 2])
    pair = namedtuple("pair", "first second")
    op = nf.no_op(name="nothing")
    got = session.run([x, (y, [x]), {"k": x, "l": pair(x, y)}, OrderedDict(b=y, a=op), "nothing",
                       "Const_1:0"])
    assert got[0] == np.float32(2.0)
    assert isinstance(got[0], np.float32)
    assert got[1][0].tolist() == [1, 2]
    assert isinstance(got[1], tuple)
    assert got[1][1] == [2.0]
    assert got[2]["k"] == 2.0
    assert isinstance(got[2]["l"], pair)
    assert list(got[3]) == ["b", "a"]
    assert got[3]["a"] is None
    assert got[4] is None
    assert got[5].tolist() == [1, 2]


def test_a_value_is_the_callers_own(session):
    x = placeholder(nf.float32, [2])
    given = np.ones(2, np.float32)
    same, also = session.run([x, x], {x: given})
    same[:] = 5.0
    assert given.tolist() == also.tolist() == [1.0, 1.0]


def test_eager_tensors_and_variables_may_be_fetched():
    eager, v = nf.constant([1.0, 2.0]), nf.Variable(3.0)
    with Graph().as_default(), Session() as s:
        y = eager * v
        assert s.run([y, v, eager])[0].tolist() == [3.0, 6.0]
        s.run(v.assign(4.0))
        assert s.run(v) == 4.0
    assert v.numpy() == 4.0


@pytest.mark.parametrize(("fetch", "kind", "text"), [
    (None, TypeError, "Fetch argument None has invalid type <class 'NoneType'>"),
    (1.5, TypeError, "Fetch argument 1.5 has invalid type <class 'float'>, must be a string or Tensor. (Can "
                     "not convert a float into a Tensor or Operation.)"),
    ("y:0", ValueError, "Fetch argument 'y:0' cannot be interpreted as a Tensor. (The name 'y:0' refers to a "
                        "Tensor which does not exist. The operation, 'y', does not exist in the graph.)"),
    ("x:1", ValueError, "The operation, 'x', exists but only has 1 outputs."),
    ("y", ValueError, "The name 'y' refers to an Operation not in the graph."),
    (":0", ValueError, "looks a like a Tensor name, but is not a valid one."),
])
def test_what_can_not_be_fetched(session, fetch, kind, text):
    placeholder(nf.float32, name="x")
    with raises(kind, text):
        session.run(fetch)
    with raises(kind, text):
        session.run([fetch])


def test_a_tensor_of_another_graph(session):
    placeholder(nf.float32)
    with Graph().as_default():
        other = nf.constant(1.0)
    with raises(ValueError, "is not an element of this graph."):
        session.run(other)
    with raises(ValueError, "must be from the same graph"):
        other + nf.constant(2.0)


def test_an_empty_graph(session):
    with raises(RuntimeError, "The Session graph is empty.  Add operations to the graph before calling run("):
        session.run(nf.zeros)


# ---- feeds
def test_feeding(session):
    x = placeholder(nf.float32, [None, 2], name="x")
    y = nf.reduce_sum(x, 1)
    assert session.run(y, {x: [[1, 2], [3, 4]]}).tolist() == [3.0, 7.0]
    assert session.run(y, {"x:0": np.ones((3, 2))}).tolist() == [2.0] * 3
    assert session.run(y * 2.0, {y: [5.0]}).tolist() == [10.0], "any tensor may be fed"
    assert session.run(y, {y: [5.0]}).tolist() == [5.0]
    assert compiled(session.graph) == [True, True, True, True]


@pytest.mark.parametrize(("feed", "kind", "text"), [
    (lambda x: {x: [1.0, 2.0]}, ValueError,
     "Cannot feed value of shape (2,) for Tensor 'x:0', which has shape '(3,)'"),
    (lambda x: {1.5: 2.0}, TypeError,
     "Cannot interpret feed_dict key as Tensor: Can not convert a float into a Tensor."),
    (lambda x: {"z:0": 2.0}, TypeError, "Cannot interpret feed_dict key as Tensor: The name 'z:0' refers to"),
    (lambda x: {"x": 2.0}, TypeError, "Cannot interpret feed_dict key as Tensor: The name 'x' refers to an "
                                      "Operation, not a Tensor."),
    (lambda x: {x: nf.constant([1.0] * 3)}, TypeError, "The value of a feed cannot be a tf.Tensor object."),
    (lambda x: {}, InvalidArgumentError,
     "You must feed a value for placeholder tensor 'x' with dtype float and shape [3]"),
])
def test_what_can_not_be_fed(session, feed, kind, text):
    x = placeholder(nf.float32, [3], name="x")
    with raises(kind, text):
        session.run(x * 2.0, feed(x))


def test_numbers_that_do_not_fit(session):
    k = placeholder(nf.int8, name="k")
    with raises(TypeError, "Type of feed value 300 with type <class 'int'> is not compatible with Tensor "
                           "type int8. Try explicitly setting the type of the feed tensor to a larger type"):
        session.run(k, {k: 300})
    with raises(InvalidArgumentError, "You must feed a value for placeholder tensor 'k' with dtype int8"):
        session.run(k)


def test_placeholder_with_default(session):
    x = placeholder_with_default([1.0, 2.0], [None], name="x")
    y = x * 2.0
    assert session.run(y).tolist() == [2.0, 4.0]
    assert session.run(y, {x: [5.0]}).tolist() == [10.0]
    assert str(x) == 'Tensor("x:0", shape=(?,), dtype=float32)'


def test_make_callable(session):
    x, y = placeholder(nf.float32), placeholder(nf.float32)
    call = session.make_callable([x + y, x], [x, y])
    assert call(1.0, 2.0) == [3.0, 1.0]
    with raises(TypeError, "expected 2 arguments"):
        call(1.0)


# ---- sessions
def test_a_closed_session(graph):
    x = nf.constant(1.0)
    with Session() as s:
        assert get_default_session() is s
        assert get_default_graph() is graph
    assert get_default_session() is None
    with raises(RuntimeError, "Attempted to use a closed Session."):
        s.run(x)
    with raises(RuntimeError, "Session context managers are not re-entrant."):
        s.__enter__()


def test_a_session_may_be_the_default_often(graph):
    x, s = nf.constant(1.5), Session()
    for _ in range(2):
        with s.as_default():
            assert x.eval() == 1.5
    assert s.run(x) == 1.5
    assert get_default_session() is None
    s.close()


def test_without_a_default_session(graph):
    x, op = nf.constant(1.0), nf.no_op()
    with raises(ValueError, "Cannot evaluate tensor using `eval()`: No default session is registered. Use "
                            "`with sess.as_default()` or pass an explicit session to `eval(session=sess)`"):
        x.eval()
    with raises(ValueError, "Cannot execute operation using `run()`: No default session is registered."):
        op.run()
    other = Session(graph=Graph())
    with raises(ValueError, "the tensor's graph is different from the session's graph."):
        x.eval(session=other)


def test_arguments_of_a_session():
    with raises(TypeError, "graph must be a tf.Graph, but got <class 'int'>"):
        Session(graph=1)
    with raises(TypeError, "config must be a tf.ConfigProto, but got <class 'int'>"):
        Session(config=1)
    with raises(TypeError, "target must be a string, but got 1"):
        Session(1)
    assert Session("", Graph(), nf.ConfigProto()).graph is not get_default_graph()


def test_an_interactive_session():
    graph = Graph()
    s = InteractiveSession(graph=graph)
    try:
        assert not nf.executing_eagerly()
        x = placeholder(nf.float32)
        assert (x * 2.0).eval({x: 3.0}) == 6.0
        with pytest.warns(UserWarning, match="An interactive session is already active"):
            InteractiveSession(graph=graph).close()
        assert get_default_session() is s
    finally:
        s.close()
    assert nf.executing_eagerly()


def test_the_session_alone_is_graph_mode():
    assert nf.executing_eagerly()
    with raises(RuntimeError, "tf.placeholder() is not compatible with eager execution."):
        placeholder(nf.float32)
    with Session(graph=Graph()) as s:
        assert not nf.executing_eagerly()
        x = placeholder(nf.float32)
        got = s.run(host.py_function(lambda t: [nf.executing_eagerly(), nf.matmul(t, t)][1], [x], nf.float32),
                    {x: [[2.0]]})
    assert got.tolist() == [[4.0]]
    assert nf.executing_eagerly()
    y = x * 3.0                             # a tensor of a graph stays in it
    assert y.graph is s.graph


def test_threads_run_one_session(graph):
    x = placeholder(nf.float32, [None])
    y, s, found = nf.reduce_sum(x * 2.0), Session(), {}

    def work(k):
        for n in range(1, 5):
            found[k, n] = s.run(y, {x: np.full(n, k, np.float32)})
    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == {(k, n): 2.0 * n * k for k in range(4) for n in range(1, 5)}


# ---- graphs
def test_elements_have_names(graph):
    x = placeholder(nf.float32, [None, 3], name="x")
    with nf.name_scope("layer"):
        y = nf.matmul(x, nf.ones([3, 2]), name="product")
        z = y + 1.0
    assert (x.name, y.name, z.name) == ("x:0", "layer/product:0", "layer/add:0")
    assert placeholder(nf.float32, name="x").name == "x_1:0"
    assert repr(y) == "<tf.Tensor 'layer/product:0' shape=(?, 2) dtype=float32>"
    assert str(placeholder(nf.int32)) == 'Tensor("Placeholder:0", dtype=int32)'
    assert y.op.inputs[0] is x
    assert y.op.outputs[0] is y
    assert y.op.type == "matmul"
    assert y.graph is graph
    assert y.op in x.consumers()
    assert graph.get_tensor_by_name("layer/product:0") is y
    assert graph.get_operation_by_name("layer/product") is y.op
    assert graph.as_graph_element("x:0") is x
    names = [op.name for op in graph.get_operations()]
    assert names.index("x") < names.index("layer/product") < names.index("layer/add")
    assert repr(y.op) == "<tf.Operation 'layer/product' type=matmul>"
    with raises(KeyError, "refers to an Operation not in the graph"):
        graph.get_operation_by_name("y")


def test_a_finalized_graph(graph):
    v = nf.Variable(1.0)
    graph.finalize()
    with raises(RuntimeError, "Graph is finalized and cannot be modified."):
        nf.constant(1.0)
    with Session() as s:
        s.run(v.initializer)


def test_default_graphs():
    first = get_default_graph()
    with Graph().as_default() as g:
        assert get_default_graph() is g
        with raises(AssertionError, "Do not use tf.reset_default_graph() to clear nested graphs."):
            reset_default_graph()
    assert get_default_graph() is first
    reset_default_graph()
    assert get_default_graph() is not first


def test_values_that_are_not_there_yet(graph):
    x = placeholder(nf.float32, [None, 2])
    with raises(TypeError, "Using a `tf.Tensor` as a Python `bool` is not allowed."):
        bool(x)
    with raises(TypeError, "Tensor objects are only iterable"):
        list(x)
    with raises(TypeError, "object of type 'Tensor' has no len()"):
        len(x)
    for ask in (lambda: x.numpy(), lambda: float(x), lambda: np.asarray(x), lambda: range(x.shape[0])):
        with pytest.raises(TracingError, match=r"test_session\.py:\d+: "):
            ask()
    with raises(ValueError, "Cannot take the length of Shape with unknown rank."):
        len(placeholder(nf.float32).shape)


def test_set_shape(session):
    x = placeholder(nf.float32)
    x.set_shape([None, 3])
    assert repr(x.shape) == "(?, 3)"
    assert nf.matmul(x, nf.ones([3, 4])).shape[1] == 4
    x.set_shape([5, None])
    assert x.shape == (5, 3)
    with raises(ValueError, "is not compatible with supplied shape (6, 3)"):
        x.set_shape([6, 3])
    with raises(ValueError, "Cannot feed value of shape (2, 3)"):
        session.run(x, {x: np.ones((2, 3))})


def test_an_error_of_shapes_comes_as_soon_as_it_can(session):
    with raises(InvalidArgumentError, "matmul"):
        nf.matmul(placeholder(nf.float32, [2, 3]), placeholder(nf.float32, [4, 5]))
    x = placeholder(nf.float32)
    y = nf.matmul(x, nf.ones([3, 2]))
    with raises(InvalidArgumentError, "matmul"):
        session.run(y, {x: np.ones((2, 4))})
    assert session.run(y, {x: np.ones((1, 3))}).tolist() == [[3.0, 3.0]]


# ---- shapes that are not known
UNKNOWN_RANK = {
    "arithmetic": lambda x: (2.0 * x - 1.0) / (x * x + 1.0),
    "comparison": lambda x: nf.where(x > 0.0, x, -x),
    "reductions": lambda x: nf.reduce_mean(x) + nf.reduce_max(x, 0),
    "matmul": lambda x: nf.matmul(x, x, transpose_b=True),
    "softmax": lambda x: nf.nn.softmax(x),
    "argmax": lambda x: nf.argmax(x, 1),
    "cast": lambda x: nf.cast(x, nf.int32) * 2,
    "reshape": lambda x: nf.reshape(x, [-1]),
    "reshape by its shape": lambda x: nf.reshape(x, [nf.shape(x)[0], -1, 1]),
    "shape": lambda x: nf.cast(nf.shape(x), nf.float32) + nf.cast(nf.size(x) + nf.rank(x), nf.float32),
    "slices": lambda x: x[0, :1] + x[:, 1:],
    "concat": lambda x: nf.concat([x, x * 2.0], 0),
    "transpose": lambda x: nf.transpose(x),
    "top_k": lambda x: nf.nn.top_k(x, 2)[0],
    "split": lambda x: nf.split(nf.tile(x, [1, 2]), 2, axis=1)[1],
    "zeros_like": lambda x: nf.zeros_like(x) + nf.ones_like(x, nf.float32),
    "made by shape": lambda x: nf.zeros(nf.shape(x)) + nf.fill(nf.shape(x), 2.0) + nf.ones(nf.shape(x)[1:]),
    "range": lambda x: nf.range(nf.shape(x)[0]),
    "one_hot": lambda x: nf.one_hot(nf.argmax(x, 1), 3),
    "moments": lambda x: nf.nn.moments(x, [0])[1],
    "einsum": lambda x: nf.einsum("ij,kj->ik", x, x) + nf.tensordot(x, x, [[1], [1]]),
    "convolution": lambda x: nf.nn.conv2d(nf.reshape(x, [-1, 1, 2, 1]), nf.ones([1, 2, 1, 1]), [1] * 4,
                                         "SAME"),
    "loss": lambda x: nf.losses.mean_squared_error(x, x * 2.0, weights=0.5),
    "classes": lambda x: nf.losses.sparse_softmax_cross_entropy(nf.argmax(x, 1), x),
    "cross entropy": lambda x: nf.nn.softmax_cross_entropy_with_logits_v2(labels=nf.nn.softmax(x), logits=x),
    "in_top_k": lambda x: nf.cast(nf.nn.in_top_k(x, nf.argmax(x, 1), 1), nf.float32),
    "boolean_mask": lambda x: nf.gather_nd(x, nf.where(x > 0.0)),
}


@pytest.mark.parametrize("name", UNKNOWN_RANK)
def test_ops_on_an_unknown_rank(session, name):
    f, draw = UNKNOWN_RANK[name], np.random.default_rng(0)
    x = placeholder(nf.float32)
    y = f(x)
    for shape in ((2, 3), (4, 2)):
        given = draw.normal(size=shape).astype(np.float32)
        got, wanted = session.run(y, {x: given}), eagerly(f, given)
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
        assert got.dtype == wanted.dtype == y.dtype.as_numpy_dtype


def eagerly(f, *arrays):
    with tracing(None):
        return f(*map(nf.constant, arrays)).numpy()


def test_what_attributes_say_of_a_shape(session):
    x = placeholder(nf.float32)
    assert repr(nf.reshape(x, [-1, 2, 3]).shape) == "(?, 2, 3)"
    assert nf.reduce_sum(x).shape == ()
    for unknown in (x + 1.0, nf.matmul(x, nf.ones([2, 3])), nf.transpose(x), nf.reduce_sum(x, 0)):
        assert repr(unknown.shape) == "<unknown>"


def test_random_numbers_of_a_shape_that_is_fed(session):
    x = placeholder(nf.float32)
    y = nf.random_normal(nf.shape(x)) * x
    assert session.run(y, {x: np.ones((2, 3))}).shape == (2, 3)
    assert not np.array_equal(session.run(y, {x: [1.0, 1.0]}), session.run(y, {x: [1.0, 1.0]}))


def test_gradients_of_calls_that_wait(session):
    x, y = placeholder(nf.float32), placeholder(nf.float32)
    loss = nf.losses.mean_squared_error(y, x)
    assert session.run(gradients(loss, x), {x: [1.0, 4.0], y: [0.0, 1.0]})[0].tolist() == [1.0, 3.0]
    second = gradients(gradients(loss, x), y)
    assert session.run(second, {x: [1.0, 4.0], y: [0.0, 1.0]})[0].tolist() == [-1.0, -1.0]


def test_unknown_extents(session):
    x, y = placeholder(nf.float32, [None, 3]), placeholder(nf.float32, [None, 3])
    z = nf.reshape(x + y, [-1, 1]) / nf.cast(nf.shape(x)[0], nf.float32) + nf.zeros([x.shape[0] * 3, 1])
    assert repr((x + y).shape) == "(?, 3)"
    assert session.run(z, {x: np.ones((2, 3)), y: np.ones((2, 3))}).tolist() == [[1.0]] * 6
    assert session.run(nf.zeros([x.shape[0]]), {x: np.ones((2, 3))}).tolist() == [0.0, 0.0]
    with raises(InvalidArgumentError, "do not broadcast"):
        session.run(z, {x: np.ones((2, 3)), y: np.ones((3, 3))})


def test_shapes_that_depend_on_values(session):
    x = placeholder(nf.float32, [None])
    kept = nf.boolean_mask(x, x > 1.0)
    total = nf.reduce_sum(kept * 2.0)
    assert session.run([kept, total], {x: [1.0, 2.0, 3.0]})[1] == 10.0
    assert session.run(total, {x: [0.0]}) == 0.0


def test_calls_of_python(session):
    calls = []

    def double(a):
        calls.append(type(a))
        return a * 2.0
    x = placeholder(nf.float32)
    y = host.py_func(double, [x], nf.float32)
    z = host.py_function(double, [y], nf.float32)
    assert session.run(nf.reduce_sum(z) + 1.0, {x: [1.0, 2.0]}) == 13.0
    assert [kind.__name__ for kind in calls] == ["ndarray", "Tensor"]
    assert session.run(gradients(z, y), {x: [1.0, 2.0]})[0].tolist() == [2.0, 2.0]


# ---- variables
def test_variables_are_initialized_by_their_operation(session):
    v, w = nf.Variable([1.0, 2.0], name="v"), nf.Variable(lambda: nf.random_normal([3]), trainable=False)
    with raises(FailedPreconditionError, "Attempting to use uninitialized value v"):
        session.run(v * 2.0)
    with raises(FailedPreconditionError, "Attempting to use uninitialized value v"):
        v.eval()
    session.run(v.initializer)
    assert session.run(v * 2.0).tolist() == [2.0, 4.0]
    with raises(FailedPreconditionError, "Attempting to use uninitialized value Variable"):
        session.run(w)
    init = global_variables_initializer()
    assert session.run(init) is None
    first = w.eval()
    init.run()
    assert not np.array_equal(first, w.eval())
    assert [u.name for u in global_variables()] == ["v:0", "Variable:0"]
    assert [u.name for u in trainable_variables()] == ["v:0"]
    assert repr(v) == "<tf.Variable 'v:0' shape=(2,) dtype=float32>"
    assert v.initialized_value().eval().tolist() == [1.0, 2.0]
    assert session.run(local_variables_initializer()) is None


def test_names_of_variables_are_their_own(graph):
    names = [nf.Variable(0.0).name, nf.Variable(0.0).name, nf.Variable(0.0, name="a").name,
             nf.Variable(0.0, name="a").name]
    assert names == ["Variable:0", "Variable_1:0", "a:0", "a_1:0"]


def test_assigning(session):
    v = nf.Variable(1.0)
    add, put = v.assign_add(2.0), v.assign(10.0)
    read = v * 1.0
    session.run(v.initializer)
    assert session.run(read) == 1.0, "nothing is assigned but what is run"
    assert session.run(add) == 3.0
    assert session.run([add, read]) == [5.0, 5.0]
    assert session.run(put) == 10.0
    session.run(v.initializer)
    assert session.run(v) == 1.0
    with raises(ValueError, "are incompatible: assign to variable"):
        v.assign([1.0, 2.0])


def test_whether_a_variable_is_initialized(session):
    v = nf.Variable(1.0)
    known = v.is_initialized()
    assert not session.run(known)
    v.load(3.0, session)
    assert session.run([known, v]) == [True, 3.0]


def test_an_assignment_initializes(session):
    v = nf.Variable(1.0)
    put = v.assign(5.0)
    session.run(put)
    assert session.run(v) == 5.0


def test_the_sessions_of_a_graph_share_its_variables(graph):
    v = nf.Variable(1.0)
    first, second = Session(), Session()
    first.run(v.initializer)
    first.run(v.assign_add(1.0))
    assert second.run(v) == 2.0


def test_parts_of_variables(session):
    v = nf.Variable(np.zeros((3, 2), np.float32))
    session.run(v.initializer)
    session.run(v[1].assign([5.0, 6.0]))
    session.run(v.scatter_nd_add([[0], [0]], [[1.0, 1.0], [1.0, 1.0]]))
    assert session.run(v).tolist() == [[2.0, 2.0], [5.0, 6.0], [0.0, 0.0]]


def test_get_variable_and_layers(session):
    w = nf.get_variable("w", [2, 2])
    x = placeholder(nf.float32, [None, 2])
    layer = nf.keras.layers.Dense(3, activation="relu")
    y = layer(nf.matmul(x, w))
    with raises(FailedPreconditionError, "Attempting to use uninitialized value"):
        session.run(y, {x: np.ones((4, 2))})
    session.run(variables_initializer([w, *layer.variables]))
    assert session.run(y, {x: np.ones((4, 2))}).shape == (4, 3)
    assert session.run(w).shape == (2, 2)


def test_get_variable_shares_where_the_scope_says_so(session):
    def layer():
        return nf.get_variable("w", [2])
    with nf.variable_scope("a"):
        first = layer()
        with raises(ValueError, "Variable a/w already exists, disallowed. Did you mean to set reuse=True or"):
            layer()
    with nf.variable_scope("a", reuse=True):
        assert layer() is first
        with raises(ValueError, "Variable a/v does not exist, or was not created with tf.get_variable()."):
            nf.get_variable("v", [2])
    with nf.variable_scope("b", reuse=nf.AUTO_REUSE):
        assert layer() is layer()
    assert [v.name for v in global_variables()] == ["a/w:0", "b/w:0"]


# ---- order
def test_control_dependencies(session):
    v = nf.Variable(1.0)
    add = v.assign_add(1.0)
    with nf.control_dependencies([add]):
        after = nf.identity(v)
        with nf.control_dependencies(None):
            free = nf.identity(v)
    session.run(v.initializer)
    assert session.run(after) == 2.0
    assert session.run(free) == 2.0
    assert session.run(v) == 2.0
    assert [op.name for op in after.op.control_inputs] == [add.op.name]


def test_groups(session):
    v, w = nf.Variable(1.0), nf.Variable(2.0)
    session.run(global_variables_initializer())
    both = nf.group(v.assign_add(1.0), w.assign_add(1.0), name="both")
    assert both.name == "both"
    assert session.run(both) is None
    assert session.run([v, w]) == [2.0, 3.0]


def test_random_numbers_are_drawn_in_each_run(session):
    x = nf.random_normal([4])
    first, second = session.run([x, x]), session.run(x)
    assert np.array_equal(*first)
    assert not np.array_equal(first[0], second)


def test_control_flow(session):
    x = placeholder(nf.float32, [])
    y = control.cond(x > 0.0, lambda: x * 2.0, lambda: -x)
    n = control.while_loop(lambda k, a: a < 100.0, lambda k, a: (k + 1, a * x),
                           [nf.constant(0), nf.constant(1.0)])
    assert session.run(y, {x: 3.0}) == 6.0
    assert session.run(y, {x: -3.0}) == 3.0
    assert session.run(n, {x: 3.0}) == [5, 243.0]
    assert session.run(gradients(y, x), {x: -3.0}) == [-1.0]


def test_what_a_branch_assigns(session):
    v, p = nf.Variable(1.0), placeholder(nf.bool, [])
    y = control.cond(p, lambda: v.assign_add(2.0) * 1.0, lambda: v * 10.0)
    session.run(v.initializer)
    assert session.run(y, {p: False}) == 10.0
    assert session.run("Variable:0") == 1.0
    assert session.run(y, {p: True}) == 3.0
    assert session.run(v) == 3.0


def test_compiled_functions_in_a_graph(session):
    f = function(lambda a: nf.tanh(a) * 2.0)
    x = placeholder(nf.float32, [None])
    np.testing.assert_allclose(session.run(f(x), {x: [0.5]}), 2.0 * np.tanh([0.5]), rtol=1e-6)


# ---- derivatives
def test_gradients(session):
    x, v = placeholder(nf.float32, [None, 2]), nf.Variable([[1.0], [2.0]])
    y = nf.reduce_sum(nf.square(nf.matmul(x, v)))
    unrelated = nf.constant(1.0)
    dx, dv, none = gradients(y, [x, v, unrelated])
    assert none is None
    assert dv.shape == (2, 1)
    session.run(v.initializer)
    got = session.run([dx, dv], {x: [[1.0, 1.0]]})
    assert got[0].tolist() == [[6.0, 12.0]]
    assert got[1].tolist() == [[6.0], [6.0]]
    assert all(compiled(session.graph))


def test_gradients_of_any_order_and_rank(session):
    x = placeholder(nf.float32)
    y = x * x * x
    first, = gradients(y, x)
    second, = gradients(first, x)
    third, = gradients(second, x)
    assert session.run([first, second, third], {x: 2.0}) == [12.0, 12.0, 6.0]
    assert session.run(second, {x: [1.0, 2.0]}).tolist() == [6.0, 12.0]


def test_weights_stops_and_zeros(session):
    x = nf.constant(3.0)
    y = x * x
    z = y * x
    assert session.run(gradients([y, z], x, grad_ys=[2.0, None])) == [2.0 * 6.0 + 27.0]
    assert session.run(gradients(z, x, stop_gradients=y)) == [9.0]
    assert session.run(gradients(z, [x, y], stop_gradients=[x, y])) == [9.0, 3.0]
    assert session.run(gradients(nf.stop_gradient(y) * x, x)) == [9.0]
    other = nf.constant([1.0, 2.0])
    assert gradients(z, other) == [None]
    assert session.run(gradients(z, other, unconnected_gradients="zero"))[0].tolist() == [0.0, 0.0]
    with raises(ValueError, "Passed 1 grad_ys for 2 ys"):
        gradients([y, z], x, grad_ys=[1.0])


def test_gradients_are_of_graphs():
    x = nf.constant(1.0)
    with raises(RuntimeError, "tf.gradients is not supported when eager execution is enabled. Use tf."):
        gradients(x * x, x)


def test_custom_gradients(session):
    @nf.custom_gradient
    def clipped(x):
        return nf.identity(x), lambda dy: nf.clip_by_value(dy, -1.0, 1.0) * x
    x = placeholder(nf.float32)
    first, = gradients(clipped(x * x) * 5.0, x)
    second, = gradients(first, x)
    assert session.run([first, second], {x: 2.0}) == [16.0, 24.0]
    with nf.GradientTape() as tape:
        y = placeholder(nf.float32, [])
        tape.watch(y)
        z = clipped(y) * 5.0
    assert session.run(tape.gradient(z, y), {y: 3.0}) == 3.0


def test_a_tape_in_a_graph(session):
    v = nf.Variable(3.0)
    with nf.GradientTape() as tape:
        y = v * v
    session.run(v.initializer)
    assert session.run(tape.gradient(y, v)) == 6.0


# ---- training
def test_what_layers_update_is_an_operation(session):
    x = placeholder(nf.float32, [None, 2])
    layer = nf.keras.layers.BatchNormalization(momentum=0.5)
    y = layer(x, training=True)
    session.run(global_variables_initializer())
    given = {x: [[1.0, 2.0], [3.0, 2.0]]}
    session.run(y, given)
    assert session.run(layer.moving_mean).tolist() == [0.0, 0.0]
    session.run([y, layer.updates], given)
    assert session.run(layer.moving_mean).tolist() == [1.0, 1.0]


def test_initializers_of_layers(session):
    x = placeholder(nf.float32, [None, 5, 3])
    y = nf.keras.layers.LSTM(4, activity_regularizer=nf.keras.regularizers.l2(0.1))
    z = y(x)
    session.run(global_variables_initializer())
    assert session.run([z, *y.losses], {x: np.ones((2, 5, 3))})[0].shape == (2, 4)


@pytest.mark.parametrize("make", [
    lambda: nf.train.GradientDescentOptimizer(0.1), lambda: nf.train.AdamOptimizer(0.1),
    lambda: nf.train.MomentumOptimizer(0.1, 0.9), lambda: nf.keras.optimizers.Adam(0.1),
], ids=["descent", "Adam", "momentum", "keras Adam"])
def test_minimize_is_an_operation(make):
    draw = np.random.default_rng(0)
    xs = draw.normal(size=(8, 2)).astype(np.float32)
    ys = xs @ np.array([[1.0], [-2.0]], np.float32)
    eager = nf.Variable([[0.5], [0.5]])
    optimizer = make()
    for _ in range(3):
        optimizer.minimize(lambda: nf.reduce_mean(nf.square(nf.matmul(xs, eager) - ys)), var_list=[eager])
    wanted = eager.numpy()
    with Graph().as_default(), Session() as session:
        x, y = placeholder(nf.float32, [None, 2]), placeholder(nf.float32, [None, 1])
        w = nf.Variable([[0.5], [0.5]])
        loss = nf.reduce_mean(nf.square(nf.matmul(x, w) - y))
        step = make().minimize(loss, var_list=[w])
        session.run(global_variables_initializer())
        losses = [session.run([step, loss], {x: xs, y: ys})[1] for _ in range(3)]
        np.testing.assert_allclose(session.run(w), wanted, rtol=1e-5)
        assert losses == sorted(losses, reverse=True)
        assert all(compiled(session.graph))
        session.run(global_variables_initializer())
        np.testing.assert_allclose(session.run([step, loss], {x: xs, y: ys})[1], losses[0], rtol=1e-6)


def test_a_global_step_counts(session):
    v, count = nf.Variable(1.0), nf.Variable(0, trainable=False)
    step = nf.train.GradientDescentOptimizer(0.25).minimize(v * v, global_step=count)
    session.run(global_variables_initializer())
    for _ in range(3):
        step.run()
    assert session.run([count, v]) == [3, 0.125]


def test_each_graph_has_a_global_step():
    found = []
    for _ in range(2):
        with Graph().as_default(), Session() as session:
            v, step = nf.Variable(1.0), nf.train.get_or_create_global_step()
            assert nf.train.get_global_step() is step
            train = nf.train.GradientDescentOptimizer(0.1).minimize(v * v, global_step=step)
            session.run(global_variables_initializer())
            session.run(train)
            found.append(nf.train.global_step(session, step))
    assert found == [1, 1]
    assert nf.train.get_global_step() is not step


def test_collections(graph):
    add_to_collection("mine", 1.0)
    v, _ = nf.Variable(1.0), nf.Variable(2.0, trainable=False)
    assert get_collection("mine") == [1.0]
    assert get_collection(GraphKeys.TRAINABLE_VARIABLES)[0] is v
    assert len(get_collection(GraphKeys.GLOBAL_VARIABLES)) == 2


def test_a_rate_that_is_fed(session):
    v, rate = nf.Variable(1.0), placeholder(nf.float32, [])
    step = nf.train.GradientDescentOptimizer(rate).minimize(v * v)
    session.run(v.initializer)
    session.run(step, {rate: 0.5})
    assert session.run(v) == 0.0


def test_nothing_to_optimize(session):
    x = placeholder(nf.float32, [])
    with raises(ValueError, "No variables to optimize."):
        nf.train.GradientDescentOptimizer(0.1).minimize(x * x)
    v = nf.Variable(1.0)
    with raises(ValueError, "No gradients provided for any variable"):
        nf.train.GradientDescentOptimizer(0.1).minimize(x * x, var_list=[v])
