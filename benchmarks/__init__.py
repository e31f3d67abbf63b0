"""Published measurements, and the tables made from them."""
