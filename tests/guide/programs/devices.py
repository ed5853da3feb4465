x = tf.random_normal([10, 10])
x_cpu = x.cpu()
x_cpu.device
_ = tf.matmul(x_cpu, x_cpu)

if tf.test.is_gpu_available():
    x_gpu0 = x.gpu()
    _ = tf.matmul(x_gpu0, x_gpu0)

if tfe.num_gpus() > 1:
    x_gpu1 = x.gpu(1)
    _ = tf.matmul(x_gpu1, x_gpu1)

print(len(tfe.list_devices()) - tfe.num_gpus())
