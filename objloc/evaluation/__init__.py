"""Rollouts, detections, average precision, success rate, blind baselines."""
