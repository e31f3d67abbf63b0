"""A registered model's card: what it is, how good, for what, how to use it."""

from collections.abc import Iterator, Mapping
from typing import Any

from objloc.mdp.action import names_of
from objloc.network.checkpoint import Checkpoint

_BASELINES = ("random", "whole_image", "fixed_box")
_HEAD = "| category | images | success | 95 % interval | best blind baseline | AP (VOC2007) |"


def model_card(
    checkpoint: Checkpoint, sha256: str, figures: Mapping[str, Any], command: str
) -> str:
    """The card in Markdown; the same model and figures give the same text.

    Args:
        checkpoint: the model.
        sha256: of its file.
        figures: what ``evaluate`` wrote, by image set.
        command: that trained it; empty if it is not known.
    """
    agent, info = checkpoint.agent, checkpoint.info
    actions = ", ".join(names_of(agent.mdp))
    lines = [
        f"# objloc on {checkpoint.data}: {', '.join(checkpoint.categories)}",
        "",
        "An agent that looks for an object by moving a window over a photograph, one action at a",
        'time, until it says "here". It learned by deep Q-learning from rewards.',
        "",
        "## Use",
        "",
        "```python",
        "from objloc.localiser import Localiser",
        'agent = Localiser.load("champion")',
        f'boxes = agent("photo.jpg", categories=["{checkpoint.categories[0]}"]).xyxy',
        "```",
        "",
        "Meant for: studying active search, and pictures like those it learned from. Not meant",
        "for: decisions about people, safety, or pictures of another kind without measuring on",
        "them first. A score is the trigger's Q-value, not a probability.",
        "",
        "## Learned from",
        "",
        f"- data: {checkpoint.data}, SHA-256 `{checkpoint.data_hash}`",
        f"- image set: {info.get('image_set', 'not known')}; the best weights were chosen on "
        f"{info.get('val_image_set', 'not known')}",
        f"- categories: {', '.join(checkpoint.categories)}",
    ]
    if info.get("cut"):
        lines.append("- its training was cut by a time limit")
    if command:
        lines += ["- command:", "", "```sh", command.strip(), "```"]
    lines += ["", "## What it reaches"]
    for image_set, part in figures.items():
        lines += ["", *_table(image_set, part)]
    lines += [
        "",
        "Success: one greedy search in each image known to hold the category ends in a trigger on",
        "a window that overlaps an object of it by more than the threshold. The baselines look at",
        "nothing (random actions; the whole image; the best fixed box). Intervals are over images,",
        "not over trainings. All figures are defined in docs/metrics.md.",
        "",
        "## Limits",
        "",
        "- What it has not learned it cannot name; in a picture without the category it may still",
        "  say that it is there.",
        "- One search finds one object; others take further searches (`max_windows`).",
        f"- A window's side is at least {agent.mdp.min_side:.3g} of the image's.",
        "",
        "## The agent",
        "",
        f"- actions: {actions}; a move changes {agent.mdp.step_size:g} of the window's side",
        f"- at most {agent.mdp.max_steps} steps; a trigger was right above IoU "
        f"{agent.mdp.trigger_iou:g} and earned {agent.mdp.trigger_reward:g}",
        f"- encoder: {agent.encoder.kind}, images squashed to {agent.encoder.image_size} x "
        f"{agent.encoder.image_size} pixels",
        f"- weights: {sum(each.numel() for each in checkpoint.state.values()):,} numbers, SHA-256 "
        f"`{sha256}`",
        "",
        "Licence: Apache-2.0. The method: J. C. Caicedo and S. Lazebnik, *Active Object",
        "Localization with Deep Reinforcement Learning*, ICCV 2015.",
    ]
    return "\n".join(lines) + "\n"


def _table(image_set: str, part: Mapping[str, Any]) -> Iterator[str]:
    """Figures of an image set, each category beside the best that looks at nothing."""
    counts = part.get("images_by_category", {})
    success = _at(part, "success_rate", "greedy") or {}
    threshold = part.get("iou_threshold")
    steps = _at(part, "steps", "mean")
    yield (
        f"Image set `{image_set}`: {part.get('images', '-')} images; success above IoU {threshold}"
        + (f"; {steps:.1f} steps in the mean." if steps is not None else ".")
    )
    yield ""
    yield _HEAD
    yield "|---|--:|--:|:-:|--:|--:|"
    for category in success:
        blind = [
            _at(part, "baselines", name, "success_rate", "greedy", category) for name in _BASELINES
        ]
        known = [value for value in blind if value is not None]
        interval = _at(part, "interval", "success_rate", category)
        images = counts.get(category, part.get("images", "-") if category == "mean" else "-")
        yield (
            f"| {category} | {images} | {_share(success[category])} | "
            f"{' to '.join(map(_share, interval)) if interval else '-'} | "
            f"{_share(max(known) if known else None)} | "
            f"{_share(_at(part, 'ap', 'triggered', 'voc2007', category))} |"
        )


def _at(tree: Any, *keys: str) -> Any:
    """A value of nested mappings; None where there is none."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
