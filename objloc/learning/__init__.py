"""How an agent learns: replay, targets, updates, the training loop."""
