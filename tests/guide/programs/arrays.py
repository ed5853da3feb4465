a = tf.constant([[1, 2],
                 [3, 4]])
print(a)

# a number meets every element
b = tf.add(a, 1)
print(b)

# operators are ops
print(a * b)

# NumPy takes tensors and gives arrays
import numpy as np
print(np.multiply(a, b))

print(a.numpy())

tfe = tf.contrib.eager
