"""The figures that a model is described by."""
