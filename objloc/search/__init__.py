"""Acting: policies, rollouts, the search with a budget, the localiser."""
