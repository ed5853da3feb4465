"""What layers and models cost beside the ops that they run."""
import numbaflow as nf

layers = nf.keras.layers


def made_sequential():
    return nf.keras.Sequential([layers.Dense(64, activation="relu"), layers.Dropout(0.5), layers.Dense(10)])


def made_functional():
    x = nf.keras.Input((64,))
    h = layers.Dense(64, activation="relu")(x)
    return nf.keras.Model(x, layers.Dense(10)(layers.Dropout(0.5)(h)))


class Subclassed(nf.keras.Model):
    """The same model by subclass."""

    def __init__(self):
        super().__init__()
        self.hidden, self.drop = layers.Dense(64, activation="relu"), layers.Dropout(0.5)
        self.out = layers.Dense(10)

    def call(self, inputs):
        return self.out(self.drop(self.hidden(inputs)))


class DenseCall:
    """A call of a built layer, and of the ops in it."""

    def setup(self):
        self.x, self.layer = nf.ones((4, 8)), layers.Dense(8)
        self.time_layer()
        self.kernel, self.bias = self.layer.kernel, self.layer.bias

    def time_layer(self):
        return self.layer(self.x)

    def time_ops(self):
        return nf.add(nf.matmul(self.x, self.kernel), self.bias)


class ModelCall:
    """A call of a model of three layers on 4 rows, by how the model is made."""

    params = ("sequential", "functional", "subclassed")
    param_names = ("kind",)

    def setup(self, kind):
        self.x = nf.ones((4, 64))
        makers = {"sequential": made_sequential, "functional": made_functional, "subclassed": Subclassed}
        self.model = makers[kind]()
        self.time_inference(kind)
        self.time_training(kind)

    def time_inference(self, kind):
        return self.model(self.x)

    def time_training(self, kind):
        return self.model(self.x, training=True)

    def time_trainable_variables(self, kind):
        return self.model.trainable_variables


class ModelBuild:
    """Making a model of three layers with its variables."""

    def setup(self):
        self.time_sequential()
        self.time_functional()

    def time_sequential(self):
        model = made_sequential()
        model.build((None, 64))
        return model

    def time_functional(self):
        return made_functional()
