"""The processes of one run that ``torchrun`` starts: its ranks."""
