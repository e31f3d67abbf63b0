"""The replay memory and its add-ons."""
