"""One-hot labels, normalized vectors, sequences."""
import numpy as np
import pytest

from numbaflow.keras.utils import Sequence, normalize, to_categorical


def test_to_categorical():
    made = to_categorical([[0, 2], [1, 1]], num_classes=4)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, np.eye(4)[[[0, 2], [1, 1]]])
    np.testing.assert_array_equal(to_categorical(np.array([[1], [0]]), dtype="int8"), [[0, 1], [1, 0]])
    assert to_categorical(np.array([], int), 3).shape == (0, 3)
    assert to_categorical(1).tolist() == [0, 1]


@pytest.mark.parametrize(("y", "classes", "message"), [
    ([0, 3], 3, "from 0 to 3 for 3 classes"), ([-1, 0], None, "from -1 to 0"), ([0.5], None, "are integers")])
def test_to_categorical_refuses_what_is_no_class(y, classes, message):
    with pytest.raises(ValueError, match=message):
        to_categorical(y, classes)


def test_normalize():
    x = np.random.default_rng(0).normal(size=(3, 4))
    np.testing.assert_allclose(np.linalg.norm(normalize(x), axis=1), 1)
    np.testing.assert_allclose(np.abs(normalize(x, 0, 1)).sum(0), 1)
    np.testing.assert_allclose(normalize([3.0, 4.0]), [0.6, 0.8])


def test_a_sequence_is_what_a_subclass_makes_it():
    class Three(Sequence):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return index

    assert list(Three()) == [0, 1, 2]
    assert Three().on_epoch_end() is None
    with pytest.raises(NotImplementedError):
        len(Sequence())
    with pytest.raises(NotImplementedError):
        Sequence()[0]
