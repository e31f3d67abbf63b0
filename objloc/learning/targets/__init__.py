"""What a network is taught: targets of actions, and what actions lead to."""
