"""How an agent acts: policies, rollouts, the search with a budget, the localiser."""
