"""The contestants, a file for each framework. A comment says why wherever one is set up in a special way."""
