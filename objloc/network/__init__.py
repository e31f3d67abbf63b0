"""How an agent sees windows and values them: encoders, Q-networks, checkpoints."""
