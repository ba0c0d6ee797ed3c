"""What finds faces."""
