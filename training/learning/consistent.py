"""A teacher that answers for the very picture that is learned from (consistent teaching, Beyer et al. 2022).

A network knows labels of its own train faces by heart, and answers with them for the unchanged faces. For a picture
that was augmented and mixed anew it cannot.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from training.learning import targets

# Names of arrays in a checkpoint.
WEIGHTS, VOTES, NETWORK = "teacher/weights", "teacher/votes", "teacher/network"


@dataclass(frozen=True)
class ConsistentTeacher:
    """The product of experts of `networks` and of FER+ votes: softmax(sum of weight x log P).

    `networks` answer for a picture as they are served. `votes` are P(label | votes) of the train faces, float32
    (n, classes), or None. `weights` (experts,) are those of the networks, then that of the votes.
    """

    networks: tuple[keras.Model, ...]
    votes: np.ndarray | None
    weights: np.ndarray
    source: str

    def answer(self, pictures: tf.Tensor, votes: tf.Tensor) -> tf.Tensor:
        """Probabilities float32 (n, classes) for pictures float32 (n, h, w, 1), 0..255.

        `votes` float32 (n, classes) are those of the pictures, mixed as they are; not read where there are none.
        """
        experts = [tf.nn.log_softmax(each(pictures, training=False)[0]) for each in self.networks]
        if self.votes is not None:
            experts.append(tf.math.log(tf.maximum(votes, targets.LEAST_PROBABILITY)))
        joint = tf.add_n([float(weight) * each for weight, each in zip(self.weights, experts, strict=True)])
        return tf.stop_gradient(tf.nn.softmax(joint))

    def arrays(self) -> dict[str, np.ndarray]:
        """For a checkpoint: what `from_arrays` reads."""
        found = {WEIGHTS: self.weights} | ({} if self.votes is None else {VOTES: self.votes})
        for number, each in enumerate(self.networks):
            found[f"{NETWORK}/{number}"] = np.array(each.to_json())
            found |= {f"{NETWORK}/{number}/{i}": variable.numpy() for i, variable in enumerate(each.variables)}
        return found

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], source: str) -> "ConsistentTeacher":
        """The teacher of a checkpoint."""
        networks: list[keras.Model] = []
        while f"{NETWORK}/{len(networks)}" in arrays:
            name = f"{NETWORK}/{len(networks)}"
            networks.append(keras.models.model_from_json(str(arrays[name])))
            for i, variable in enumerate(networks[-1].variables):
                variable.assign(arrays[f"{name}/{i}"])
        return cls(tuple(networks), arrays.get(VOTES), arrays[WEIGHTS], source)
