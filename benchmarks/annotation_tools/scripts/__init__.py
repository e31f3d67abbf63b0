"""Scripts that each run one tool in its own environment: they import nothing of objloc."""
