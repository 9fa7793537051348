"""The mathematics: layers, losses, optimizers, with derivatives written by hand. Pure NumPy."""
