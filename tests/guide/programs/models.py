# a stack of layers
stack = tf.keras.Sequential([
    tf.keras.layers.Dense(10, input_shape=(784,)),
    tf.keras.layers.Dense(10)
])
[v.shape for v in stack.variables]
stack(tf.zeros([5, 784])).shape


# a class of its own, whose second layer is used twice
class Digits(tf.keras.Model):
    def __init__(self):
        super(Digits, self).__init__()
        self.first = tf.keras.layers.Dense(units=10)
        self.second = tf.keras.layers.Dense(units=10)

    def call(self, input):
        """The logits."""
        result = self.first(input)
        result = self.second(result)
        return self.second(result)


digits = Digits()
digits.layers == [digits.first, digits.second]
digits(tf.zeros([5, 784])).shape
[v.shape for v in digits.variables]
