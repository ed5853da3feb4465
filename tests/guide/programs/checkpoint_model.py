import os
import tempfile

model = tf.keras.Sequential([
    tf.keras.layers.Conv2D(16, [3, 3], activation='relu'),
    tf.keras.layers.GlobalAveragePooling2D(),
    tf.keras.layers.Dense(10)
])
optimizer = tf.train.AdamOptimizer(learning_rate=0.001)
checkpoint_dir = tempfile.mkdtemp(dir=".")
checkpoint_prefix = os.path.join(checkpoint_dir, "ckpt")
root = tf.train.Checkpoint(optimizer=optimizer,
                           model=model,
                           optimizer_step=tf.train.get_or_create_global_step())

root.save(checkpoint_prefix) == checkpoint_prefix + "-1"
type(root.restore(tf.train.latest_checkpoint(checkpoint_dir))).__name__


# the same once there is something to save: weights, moments and the step
def train(steps):
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(tf.ones([2, 8, 8, 1]))))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables),
                                  global_step=tf.train.get_or_create_global_step())


def state():
    slots = [optimizer.get_slot(v, name) for name in ["m", "v"] for v in model.variables]
    return [v.numpy() for v in model.variables + slots + [tf.train.get_or_create_global_step()]]


train(2)
saved = state()
path = root.save(checkpoint_prefix)
train(1)
all(np.array_equal(a, b) for a, b in zip(saved, state()))
_ = root.restore(tf.train.latest_checkpoint(checkpoint_dir)).assert_consumed()
all(np.array_equal(a, b) for a, b in zip(saved, state()))
