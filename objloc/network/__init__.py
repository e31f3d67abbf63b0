"""What an agent sees and how it values it: encoders, Q-networks, checkpoints."""
