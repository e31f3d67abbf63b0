"""Faults injected on purpose, and how many of them the program withstood."""
