@tf.custom_gradient
def clip_gradient_by_norm(x, norm):
    y = tf.identity(x)

    def grad_fn(dresult):
        return [tf.clip_by_norm(dresult, norm), None]

    return y, grad_fn


clipped = tfe.gradients_function(lambda x: 10. * clip_gradient_by_norm(x, 3.))
np.round(clipped([1., 2.])[0], 3)


def log1pexp(x):
    return tf.log(1 + tf.exp(x))


grad_log1pexp = tfe.gradients_function(log1pexp)
grad_log1pexp(0.)[0].numpy()
grad_log1pexp(100.)[0].numpy()


@tf.custom_gradient
def log1pexp(x):
    e = tf.exp(x)

    def grad(dy):
        return dy * (1 - 1 / (1 + e))

    return tf.log(1 + e), grad


grad_log1pexp = tfe.gradients_function(log1pexp)
grad_log1pexp(0.)[0].numpy()
grad_log1pexp(100.)[0].numpy()
