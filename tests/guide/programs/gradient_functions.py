def square(x):
    return tf.multiply(x, x)


grad = tfe.gradients_function(square)

square(3.).numpy()
grad(3.)[0].numpy()

# orders two and three
gradgrad = tfe.gradients_function(lambda x: grad(x)[0])
gradgrad(3.)[0].numpy()

gradgradgrad = tfe.gradients_function(lambda x: gradgrad(x)[0])
gradgradgrad(3.)


# Python decides
def magnitude(x):
    return x if x > 0. else -x


grad = tfe.gradients_function(magnitude)
grad(3.)[0].numpy()
grad(-3.)[0].numpy()

value, grads = tfe.value_and_gradients_function(square)(3.)
value.numpy(), [g.numpy() for g in grads]
