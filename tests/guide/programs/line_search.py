def line_search_step(fn, init_x, rate=1.0):
    with tf.GradientTape() as tape:
        # a tensor is traced from where it is watched
        tape.watch(init_x)
        value = fn(init_x)
        grad = tape.gradient(value, init_x)
        grad_norm = tf.reduce_sum(grad * grad)
        init_value = value
    while value > init_value - rate * grad_norm:
        x = init_x - rate * grad
        value = fn(x)
        rate /= 2.0
    return x, value


x, value = line_search_step(lambda x: x * x, tf.constant(3.))
print(x.numpy(), value.numpy())
