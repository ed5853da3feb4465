"""What is saved on one device is restored on another: checkpoints, savers, saved models, pickles, copies."""
import copy
import pickle

import numpy as np
import pytest

import numbaflow as nf

layers, train = nf.keras.layers, nf.train
GPU, CPU = "/gpu:0", "/cpu:0"
X = np.float32([[1.0, -2.0, 0.5], [0.5, 1.0, 2.0]])


class Model(nf.keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.second = layers.Dense(2, activation="tanh"), layers.Dense(1)

    def call(self, x):
        return self.second(self.first(x))


def step(model, optimizer):
    with nf.GradientTape() as tape:
        loss = nf.reduce_mean(model(nf.constant(X))**2)
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    return loss.numpy()


def made(device, seed, optimizer=train.AdamOptimizer):
    nf.set_random_seed(seed)
    with nf.device(device):
        model, rule = Model(), optimizer(0.1)
        step(model, rule)
    return model, rule


@pytest.mark.parametrize("optimizer", [train.AdamOptimizer, nf.keras.optimizers.Adam])
@pytest.mark.parametrize(("source", "target"), [(GPU, CPU), (CPU, GPU), (GPU, GPU), (GPU, "/gpu:1")])
def test_checkpoints_cross_devices(tmp_path, source, target, optimizer):
    model, rule = made(source, 1, optimizer)
    path = train.Checkpoint(model=model, optimizer=rule).save(str(tmp_path / "ckpt"))
    other, other_rule = made(target, 2, optimizer)
    train.Checkpoint(model=other, optimizer=other_rule).restore(path).assert_consumed()
    with nf.device(source):
        expected = [step(model, rule) for _ in range(2)]
    with nf.device(target):
        found = [step(other, other_rule) for _ in range(2)]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    for a, b in zip(other.variables, model.variables, strict=True):
        assert a.device.endswith(target[1:].upper())
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-6)
        for name in rule.get_slot_names():
            slot = other_rule.get_slot(a, name)
            assert slot.device == a.device
            np.testing.assert_allclose(slot.numpy(), rule.get_slot(b, name).numpy(), rtol=1e-4, atol=1e-6)


def test_what_is_restored_before_it_is_made(tmp_path):
    model, rule = made(CPU, 1)
    path = train.Checkpoint(model=model, optimizer=rule).save(str(tmp_path / "ckpt"))
    with nf.device(GPU):
        other, other_rule = Model(), train.AdamOptimizer(0.1)
        status = train.Checkpoint(model=other, optimizer=other_rule).restore(path)
        found = step(other, other_rule)
        status.assert_consumed()
    np.testing.assert_allclose(found, step(model, rule), rtol=1e-4)
    assert {v.device[-5:] for v in other.variables} == {"GPU:0"}


@pytest.mark.parametrize(("source", "target"), [(GPU, CPU), (CPU, GPU)])
def test_savers_cross_devices(tmp_path, source, target):
    with nf.device(source):
        v = nf.Variable([1.0, 2.0], name="v")
        path = nf.contrib.eager.Saver([v]).save(str(tmp_path / "ckpt"))
    with nf.device(target):
        w = nf.Variable([0.0, 0.0], name="v")
        nf.contrib.eager.Saver([w]).restore(path)
    assert w.numpy().tolist() == [1.0, 2.0]
    assert w.device.endswith(target[1:].upper())


def test_restoring_into_what_a_captured_program_uses(tmp_path):
    with nf.device(GPU):
        v = nf.Variable([1.0, 2.0])
        path = train.Checkpoint(v=v).save(str(tmp_path / "ckpt"))

        @nf.function
        def double(x):
            v.assign(v * 2.0)
            return v + x
        one = nf.constant([1.0, 1.0])
        for _ in range(3):
            double(one)
        train.Checkpoint(v=v).restore(path)
        assert double(one).numpy().tolist() == [3.0, 5.0]


def test_weights_and_whole_models(tmp_path):
    with nf.device(GPU):
        model = nf.keras.Sequential([layers.Dense(2, input_shape=(3,)), layers.Dense(1)])
        model.compile("adam", "mse")
        model.fit(X, np.float32([[1], [2]]), verbose=0)
        expected = model.predict(X)
        model.save_weights(str(tmp_path / "weights"))
        model.save(str(tmp_path / "whole"))
    for device in (CPU, GPU):
        with nf.device(device):
            other = nf.keras.models.load_model(str(tmp_path / "whole"))
            np.testing.assert_allclose(other.predict(X), expected, rtol=1e-5)
            same = nf.keras.Sequential([layers.Dense(2, input_shape=(3,)), layers.Dense(1)])
            same.load_weights(str(tmp_path / "weights"))
            np.testing.assert_allclose(same.predict(X), expected, rtol=1e-5)
            assert {v.device[-5:] for v in [*other.variables, *same.variables]} == {device[1:].upper()}


def test_saved_models_cross_devices(tmp_path):
    class Scaled(train.Checkpoint):
        @nf.function(input_signature=[nf.TensorSpec([None, 2])])
        def __call__(self, x):
            return x * self.w + self.offset
    with nf.device(GPU):
        model = Scaled()
        model.w, model.offset = nf.Variable([2.0, 3.0]), nf.constant([1.0, 1.0])
        x = nf.constant([[1.0, 1.0]])
        assert model(x).numpy().tolist() == [[3.0, 4.0]]
        nf.saved_model.save(model, str(tmp_path / "m"))
    for device in (CPU, GPU):
        with nf.device(device):
            loaded = nf.saved_model.load(str(tmp_path / "m"))
            for _ in range(3):
                found = loaded(nf.constant([[1.0, 1.0]]))
                assert found.numpy().tolist() == [[3.0, 4.0]]
                assert found.device.endswith(device[1:].upper())


def test_copies_stay_and_pickles_follow_the_scope():
    with nf.device(GPU):
        v, t = nf.Variable([1.0, 2.0], name="v"), nf.constant([3.0])
    twin = copy.deepcopy(v)
    assert (twin.device, twin.name, twin.numpy().tolist()) == (v.device, v.name, [1.0, 2.0])
    twin.assign_add([1.0, 1.0])
    assert v.numpy().tolist() == [1.0, 2.0]
    assert copy.deepcopy(t) is t
    with nf.device(CPU):
        restored, value = pickle.loads(pickle.dumps((v, t)))
    assert (restored.numpy().tolist(), restored.device[-5:]) == ([1.0, 2.0], "CPU:0")
    assert (value.numpy().tolist(), value.device[-5:]) == ([3.0], "CPU:0")
    with nf.device(GPU):
        assert pickle.loads(pickle.dumps(v)).device == v.device


def test_models_are_copied_with_what_they_have_learnt():
    model, _ = made(GPU, 1)
    twin = copy.deepcopy(model)
    np.testing.assert_array_equal(twin(nf.constant(X)).numpy(), model(nf.constant(X)).numpy())
    assert {v.device[-5:] for v in twin.variables} == {"GPU:0"}


def test_summaries_take_tensors_of_the_gpu(tmp_path):
    writer = nf.contrib.summary.create_file_writer(str(tmp_path))
    with writer.as_default(), nf.contrib.summary.always_record_summaries(), nf.device(GPU):
        step = train.get_or_create_global_step()
        nf.contrib.summary.scalar("loss", nf.constant(1.5))
        nf.contrib.summary.histogram("weights", nf.Variable([1.0, 2.0]))
        nf.contrib.summary.image("image", nf.zeros([1, 2, 2, 3]))
        step.assign_add(1)
    writer.close()
    assert any(tmp_path.iterdir())
    assert step.device.endswith("CPU:0")
