"""The Markov decision process: a window that searches an image for an object."""
