"""What the network learns from: data sets as arrays, and random changes to faces."""
