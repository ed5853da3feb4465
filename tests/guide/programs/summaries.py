global_step = tf.train.get_or_create_global_step()
_ = global_step.assign(0)

logdir = "./tb/"
writer = tf.contrib.summary.create_file_writer(logdir)
writer.set_as_default()

for _ in range(10):
    _ = global_step.assign_add(1)
    # a program says when to record, or nothing is recorded
    with tf.contrib.summary.record_summaries_every_n_global_steps(100):
        tf.contrib.summary.scalar('global_step', global_step)

print(*os.listdir("tb/"))
