"""Training a compressed graph against the original: lowered to TensorFlow, one row for each operator, and back."""
