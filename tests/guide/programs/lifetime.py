import weakref

if tf.test.is_gpu_available():
    with tf.device("gpu:0"):
        v = tf.Variable(tf.random_normal([1000, 1000]))
else:
    v = tf.Variable(tf.random_normal([1000, 1000]))
gone = weakref.ref(v)
v = None    # the variable and its memory go with the last name for it
gone()
print(gone())
