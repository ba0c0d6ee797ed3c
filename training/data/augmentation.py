"""Random changes to batches of faces, inside the TensorFlow graph. A seed decides every random draw."""

import math

import tensorflow as tf

ROTATION_RAD = math.radians(12)
SCALE = 0.15
STRETCH = 0.05
SHIFT = 0.10
# Grey values are multiplied by up to e to this power, then BRIGHTNESS grey levels are added; values clip at 0 and 255.
GAIN = 0.4
BRIGHTNESS = 30.0
# This share of the faces loses detail, as if COARSER times smaller; a share is saved as JPEG of low quality.
COARSE_PROBABILITY = 0.15
COARSER = 2
JPEG_SHARE = 0.125
JPEG_QUALITY = 30
ERASE_PROBABILITY = 0.25
ERASE_SIDE = (0.1, 0.4)


def augment(faces: tf.Tensor, size: int, seed: tf.Tensor, strength: float = 1.0) -> tf.Tensor:
    """Grey faces uint8 (n, h, w, 1) to float32 (n, size, size, 1), 0..255.

    Mirror, rotation, scale and shift are one projective transform, which resizes as well.
    `seed` is int32 (2,); the same seed gives the same pictures. `strength` multiplies the size and the probability of
    every change but mirroring: half of the faces are mirrored at any strength.
    """
    seeds = tf.unstack(tf.random.split(seed, 4))
    out = coarsen(tf.cast(faces, tf.float32), seeds[3], COARSE_PROBABILITY * strength)
    out = _transform(out, size, seeds[0], strength)
    out = compress(_light(out, seeds[1], strength), JPEG_SHARE * strength)
    return _erase(out, seeds[2], ERASE_PROBABILITY * strength)


def _uniform(seed: tf.Tensor, count: tf.Tensor, columns: int) -> list[tf.Tensor]:
    """`columns` vectors of `count` draws from -1..1."""
    return tf.unstack(tf.random.stateless_uniform((columns, count), seed, -1.0, 1.0))


def coarsen(faces: tf.Tensor, seed: tf.Tensor, probability: float) -> tf.Tensor:
    """Some of the faces (n, h, w, 1) averaged down by COARSER and enlarged again, as if far from the camera."""
    (chance,) = _uniform(seed, tf.shape(faces)[0], 1)
    small = tf.nn.avg_pool2d(faces, COARSER, COARSER, "VALID")
    coarse = tf.image.resize(small, tf.shape(faces)[1:3], "bilinear")
    return tf.where(((chance + 1) / 2 < probability)[:, None, None, None], coarse, faces)


def _transform(faces: tf.Tensor, size: int, seed: tf.Tensor, strength: float) -> tf.Tensor:
    count = tf.shape(faces)[0]
    source = tf.cast(tf.shape(faces)[1], tf.float32)
    mirror, angle, zoom, stretch, dx, dy = _uniform(seed, count, 6)
    angle *= ROTATION_RAD * strength
    # The matrix maps output pixels to input pixels: input = centre + M (output - middle) + shift.
    zoom = (1.0 + SCALE * strength * zoom) * source / size
    across = zoom * (1.0 + STRETCH * strength * stretch) * tf.where(mirror < 0, -1.0, 1.0)
    a, b = across * tf.cos(angle), -zoom * tf.sin(angle)
    c, d = across * tf.sin(angle), zoom * tf.cos(angle)
    centre, middle = (source - 1) / 2, (size - 1) / 2
    tx = centre + dx * SHIFT * strength * source - (a + b) * middle
    ty = centre + dy * SHIFT * strength * source - (c + d) * middle
    zero = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=faces,
        transforms=tf.stack([a, b, tx, c, d, ty, zero, zero], axis=1),
        output_shape=[size, size],
        interpolation="BILINEAR",
        fill_mode="REFLECT",
        fill_value=0.0,
    )


def _light(faces: tf.Tensor, seed: tf.Tensor, strength: float) -> tf.Tensor:
    gain, brightness = _uniform(seed, tf.shape(faces)[0], 2)
    gain = tf.reshape(tf.exp(GAIN * strength * gain), (-1, 1, 1, 1))
    return tf.clip_by_value(faces * gain + tf.reshape(BRIGHTNESS * strength * brightness, (-1, 1, 1, 1)), 0.0, 255.0)


def compress(faces: tf.Tensor, share: float) -> tf.Tensor:
    """The first `share` of a batch, whose order is random, saved as JPEG and read again."""
    count = tf.cast(share * tf.cast(tf.shape(faces)[0], tf.float32), tf.int32)
    saved = tf.map_fn(
        lambda face: tf.image.adjust_jpeg_quality(face, JPEG_QUALITY, dct_method="INTEGER_ACCURATE"),
        tf.cast(tf.round(faces[:count]), tf.uint8),
        fn_output_signature=tf.TensorSpec(faces.shape[1:], tf.uint8),
    )
    return tf.concat([tf.cast(saved, tf.float32), faces[count:]], axis=0)


def _erase(faces: tf.Tensor, seed: tf.Tensor, probability: float) -> tf.Tensor:
    """Random erasing (Zhong et al. 2017): a box of some faces becomes the face's mean grey."""
    count, size = tf.shape(faces)[0], tf.shape(faces)[1]
    chance, width, height, x, y = ((draw + 1) / 2 for draw in _uniform(seed, count, 5))
    low, high = ERASE_SIDE
    pixel = (tf.cast(tf.range(size), tf.float32) + 0.5) / tf.cast(size, tf.float32)

    def inside(centre: tf.Tensor, side: tf.Tensor) -> tf.Tensor:
        half = (low + (high - low) * side) / 2
        return tf.abs(pixel[None, :] - centre[:, None]) < half[:, None]

    box = inside(y, height)[:, :, None] & inside(x, width)[:, None, :]
    box = (box & (chance < probability)[:, None, None])[..., None]
    return tf.where(box, tf.reduce_mean(faces, axis=(1, 2, 3), keepdims=True), faces)
