"""How far a student is from its teacher, as one number to make smaller.

Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network" (2015); Romero et al., "FitNets" (2015).
"""

from __future__ import annotations

from typing import Any

from edgekit.compress.distill.targets import Kind


def distance(tf: Any, kind: Kind, mine: Any, wanted: Any, level: float, temperature: float) -> Any:
    """Mean distance of a batch (samples, …).

    CLASSES is the Kullback-Leibler divergence of the softened probabilities, times temperature squared; CHANCES the
    cross-entropy; VALUES the squared difference against `level`, the variance of what is wanted.
    """
    if kind is Kind.CLASSES:
        sharp = tf.nn.log_softmax(wanted / temperature)
        soft = tf.nn.log_softmax(mine / temperature)
        return temperature**2 * tf.reduce_mean(tf.reduce_sum(tf.exp(sharp) * (sharp - soft), -1))
    if kind is Kind.CHANCES:
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.sigmoid(wanted), logits=mine))
    return tf.reduce_mean(tf.math.squared_difference(mine, wanted)) / level


def label_loss(tf: Any, scores: Any, labels: Any) -> Any:
    """Cross-entropy of the samples that have a label; -1 stands for none."""
    known = labels >= 0
    rows = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.maximum(labels, 0), logits=scores)
    count = tf.maximum(tf.reduce_sum(tf.cast(known, tf.float32)), 1.0)
    return tf.reduce_sum(tf.where(known, rows, 0.0)) / count
