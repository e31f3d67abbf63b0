"""Active object localisation by deep reinforcement learning."""

__version__ = "0.2.0"
