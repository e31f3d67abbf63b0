"""Learning: replay, targets, updates, the training loop.

One update, in the order of reading: ``training`` acts and stores transitions in ``replay``;
each ``batch_part`` samples windows, makes a ``batch`` of them, takes ``targets`` and
differentiates; ``learner`` follows the mean gradient and moves the target network.
``validation`` measures the network, ``status`` has the measurements, ``experiment`` runs phases,
which ``saved_states`` resumes.

Add-ons, each used only if its parameters ask for it: ``extra_windows`` in a batch, ``auxiliary``
outputs, ``priorities`` in replay; ``sampled_targets`` and ``n_step`` in place of all actions.
"""
