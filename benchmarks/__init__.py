"""Measurements that are published, and the tables made of them."""
