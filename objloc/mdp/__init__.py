"""The Markov decision process of a window that searches for an object."""
