"""Targets of learning: the values of actions, from where actions lead."""
