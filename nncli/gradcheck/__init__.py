"""Proves the engine's gradients with methods that share no code with backpropagation."""
