"""What the card says beyond accuracy: how the network fares on changed faces, and how much its data can be trusted."""
