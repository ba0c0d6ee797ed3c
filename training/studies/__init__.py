"""What the card says beyond accuracy, one question about the model or its data in each file."""
