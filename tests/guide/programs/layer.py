class GuideProjection(tf.keras.layers.Layer):
    def __init__(self, units):
        super(GuideProjection, self).__init__()
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_variable("kernel", [input_shape[-1], self.units])

    def call(self, input):
        return tf.matmul(input, self.kernel)


projection = GuideProjection(4)
projection.variables
projected = projection(tf.ones([2, 3]))
projected.shape
[(v.name, v.shape) for v in projection.trainable_variables]
np.array_equal(projected, tf.matmul(tf.ones([2, 3]), projection.kernel))
