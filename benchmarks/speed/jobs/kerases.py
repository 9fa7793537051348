"""The job in Keras on TensorFlow."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
from data import job

it = job()
keras.utils.set_random_seed(0)
hidden = [keras.layers.Dense(units, activation="relu") for units in it.hidden]
model = keras.Sequential([keras.Input((it.widths[0],)), *hidden, keras.layers.Dense(it.widths[-1])])
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(it.X, it.y, batch_size=it.batch, epochs=it.epochs, verbose=0)
it.report(model.predict(it.X_test, verbose=0, batch_size=1024).argmax(1))
