"""Transports: they translate between the wire and the pipeline, and never think."""
