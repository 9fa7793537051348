"""The training loop and what goes on around it."""
