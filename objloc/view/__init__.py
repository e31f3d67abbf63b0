"""Pictures: plots, animations, layer activations."""
