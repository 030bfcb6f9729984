"""What a field's column is called, which type it has, and what may stand in it."""
