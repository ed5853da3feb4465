from __future__ import absolute_import, division, print_function, unicode_literals

import numbaflow as tf

tf.enable_eager_execution()
tf.executing_eagerly()

two = [[2.]]
four = tf.matmul(two, two)
print("the product is {}".format(four))
