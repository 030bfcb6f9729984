"""How documents are noticed as they arrive: what a folder or a queue tells, looked up, and gathered into batches."""
