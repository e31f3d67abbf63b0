"""A registered model's card: what it is, how good, for what, how to use it."""

from objloc.evaluation.baselines import best_known
from objloc.evaluation.metrics import Metrics
from objloc.mdp.action import names_of
from objloc.network.checkpoint import Checkpoint
from objloc.templates import render
from objloc.wording import number


def model_card(checkpoint: Checkpoint, sha256: str, metrics: Metrics, command: str) -> str:
    """Write the card in Markdown; the same model and metrics give the same text.

    Args:
        checkpoint: the model.
        sha256: hash of its file.
        metrics: metrics of its evaluation, by image set.
        command: line that started its training; empty if it is not known.
    """
    agent = checkpoint.agent
    return render(
        "objloc.serving",
        "model_card.md.jinja",
        model=checkpoint,
        categories=", ".join(checkpoint.categories),
        sha256=sha256,
        metrics=metrics,
        command=command.strip(),
        mdp=agent.mdp,
        encoder=agent.encoder,
        actions=", ".join(names_of(agent.mdp)),
        weights=sum(each.numel() for each in checkpoint.state.values()),
        best_known=best_known,
        number=number,
    )
