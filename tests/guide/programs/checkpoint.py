x = tf.Variable(10.)
checkpoint = tf.train.Checkpoint(x=x)

_ = x.assign(2.)
checkpoint_path = './ckpt/'
checkpoint.save('./ckpt/')

_ = x.assign(11.)    # after the save

status = checkpoint.restore(tf.train.latest_checkpoint(checkpoint_path))

print(x)
