import time


def measure(x, steps):
    tf.matmul(x, x)             # outside the measure
    start = time.time()
    for i in range(steps):
        x = tf.matmul(x, x)
    _ = x.numpy()               # waits for the last product
    end = time.time()
    return end - start


shape = (100, 100)
steps = 20
print("Time to multiply a {} matrix by itself {} times:".format(shape, steps))

with tf.device("/cpu:0"):
    print("CPU: {} secs".format(measure(tf.random_normal(shape), steps)))

if tfe.num_gpus() > 0:
    with tf.device("/gpu:0"):
        print("GPU: {} secs".format(measure(tf.random_normal(shape), steps)))
else:
    print("GPU: not found")
