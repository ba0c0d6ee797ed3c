"""Face detectors: each finds boxes in a grey image."""
