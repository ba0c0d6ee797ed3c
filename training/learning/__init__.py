"""From data to weights: the network, its targets and the training loop."""
