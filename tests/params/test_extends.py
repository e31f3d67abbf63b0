import copy
import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from benchmarks.parameters import SHIPPED
from objloc.errors import ObjlocError
from objloc.params import Agent, Mdp, load_params
from objloc.params.extends import resolve
from tests.helpers.imports import ROOT

FILE = ROOT / "params.yaml"


def test_an_agent_has_what_it_states_and_the_rest_of_its_base() -> None:
    agents = {
        "base": {"mdp": {"max_steps": 9, "starts": [[1, 1.0], [2, 0.5]]}, "replay": {"size": 7}},
        "child": {
            "extends": "base",
            "mdp": {"starts": [[3, 0.25]]},
            "learning": {"max_gradient_norm": None},
        },
        "grandchild": {"extends": "child", "mdp": {"max_steps": 4}, "learning": {"flip": True}},
    }
    before = copy.deepcopy(agents)
    assert resolve(agents, "here") == {
        "base": agents["base"],
        "child": {
            "mdp": {"max_steps": 9, "starts": [[3, 0.25]]},
            "replay": {"size": 7},
            "learning": {"max_gradient_norm": None},
        },
        "grandchild": {
            "mdp": {"max_steps": 4, "starts": [[3, 0.25]]},
            "replay": {"size": 7},
            "learning": {"max_gradient_norm": None, "flip": True},
        },
    }
    assert agents == before


def test_a_base_that_extends_what_extends_it_is_refused_with_the_whole_circle() -> None:
    agents = {"d": {"extends": "a"}, "a": {"extends": "b"}, "b": {"extends": "a"}}
    with pytest.raises(ObjlocError, match=r"^f: agents.b.extends: circle: d -> a -> b -> a$"):
        resolve(agents, "f: agents")


def test_a_change_of_the_base_may_make_an_agent_impossible_that_is_not_in_use(
    tmp_path: Path,
) -> None:
    file = tmp_path / "params.yaml"
    made_up = "agents:\n  made_up: {extends: scenes, learning: {backup: all_actions}}\n"
    file.write_text(FILE.read_text("utf-8").replace("agents:\n", made_up, 1), "utf-8")
    sampled = [
        "agents.scenes.learning.windows_per_image=1", "agents.scenes.learning.backup=sampled",
        "agents.scenes.learning.object_windows=0", "agents.scenes.learning.flip=false",
        "agents.scenes.learning.crop=0", "agents.scenes.replay.priority_exponent=0.5",
        "agents.scenes.head.presence=false", "agents.scenes.head.learned_steps=false",
        "agents.scenes.head.learned_zooms=false",
        "agents.scenes.mdp.refinements=0",
    ]  # fmt: skip
    params = load_params(file, sampled)
    assert params.agent.replay.priority_exponent == 0.5
    assert {*params.agents} == {*SHIPPED}
    with pytest.raises(ObjlocError, match=r"agents\.made_up\.\w+"):
        load_params(file, [*sampled, "train.agent=made_up"])
    with pytest.raises(ObjlocError, match=r"agents\.pretrained\.mdp\.max_steps"):
        load_params(file, [*sampled, "agents.pretrained.mdp.max_steps=0"])


def test_an_override_of_a_base_holds_for_the_agents_that_do_not_state_the_key() -> None:
    agents = load_params(FILE, ["agents.scenes.mdp.max_steps=7"]).agents
    assert {agents[name].mdp.max_steps for name in SHIPPED} == {7}
    agents = load_params(FILE, ["agents.scratch.mdp.max_steps=7"]).agents
    assert {name for name in SHIPPED if agents[name].mdp.max_steps == 7} == {"scratch"}
    agents = load_params(FILE, ["agents.scenes.learning.learning_rate=0.5"]).agents
    assert agents["scratch"].learning.learning_rate == 0.5
    assert agents["pretrained"].learning.learning_rate == 0.002


def test_an_agent_may_extend_any_other_and_stand_alone() -> None:
    agents = load_params(
        FILE, ["agents.made_up.extends=scratch", "agents.made_up.mdp.max_steps=7"]
    ).agents
    changed = agents["scratch"].mdp.model_copy(update={"max_steps": 7})
    assert agents["made_up"] == agents["scratch"].model_copy(update={"mdp": changed})
    alone = load_params(FILE, ["agents.made_up.mdp.max_steps=7"]).agents["made_up"]
    assert alone == Agent(mdp=Mdp(max_steps=7))


def values_to_try(part: str, key: str) -> list[Any]:
    annotation = Agent.model_fields[part].annotation
    assert annotation is not None
    kind = annotation.model_fields[key].annotation
    words = [value for each in (kind, *get_args(kind)) for value in get_args(each)]
    return [
        *(word for word in words if isinstance(word, str)),
        *(True, False, 0, 1, 2, 4, 64, 0.25, 0.5, None, [], [32]),
    ]  # fmt: skip


NO_LEARNED_MOVES = [
    "head.presence=false", "head.learned_steps=false", "head.learned_zooms=false",
    "mdp.refinements=0",
]  # fmt: skip


@pytest.mark.parametrize(
    "first",
    [
        [],
        ["learning.backup=sampled", "learning.flip=false", "learning.crop=0",
         "learning.object_windows=0", *NO_LEARNED_MOVES],
        ["encoder.category_channels=0", "head.per_category=false", *NO_LEARNED_MOVES],
        ["head.learned_steps=true", "learning.landed_windows=0.2"],
    ],
    ids=["", "sampled", "one for all categories", "learned steps"],
)  # fmt: skip
def test_no_possible_change_of_the_base_makes_another_agent_impossible(first: list[str]) -> None:
    agents = YAML(typ="safe", pure=True).load(FILE.read_text("utf-8"))["agents"]
    tree = {name: agents[name] for name in SHIPPED}

    def set_in_base(part: str, key: str, value: Any) -> None:
        tree["scenes"] = tree["scenes"] | {part: tree["scenes"][part] | {key: value}}

    for each in first:
        part, key, text = re.split("[.=]", each, maxsplit=2)
        set_in_base(part, key, YAML(typ="safe", pure=True).load(text))
    base, tried = tree["scenes"], 0
    for part, section in base.items():
        for key in section:
            for value in values_to_try(part, key):
                tree["scenes"] = base
                set_in_base(part, key, value)
                try:
                    Agent.model_validate_json(json.dumps(tree["scenes"]))
                except ValidationError:
                    continue
                tried += 1
                for agent in resolve(tree, "").values():
                    Agent.model_validate_json(json.dumps(agent))
    assert tried > 200
