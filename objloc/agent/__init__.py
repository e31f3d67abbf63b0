"""Encoders, Q-network, replay, learning and checkpoints."""
