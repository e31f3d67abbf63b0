import hashlib
import re
from pathlib import Path

import pytest

from benchmarks.parameters import SHIPPED, seldom_changed
from objloc.errors import ObjlocError
from objloc.params import Params, load_params
from tests.helpers.imports import ROOT
from tests.helpers.projects import yaml_in

FILE = ROOT / "params.yaml"
AGENTS = tuple(yaml_in(FILE)["agents"])
"""Those shipped, and any that a user added."""


def refused(*overrides: str) -> str:
    with pytest.raises(ObjlocError) as error:
        load_params(FILE, overrides)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.sed=3", "train.sed: unknown key; allowed: agent, categories, curriculum"),
        ("agents.scenes.mdp.alpha=0.2", "agents.scenes.mdp.alpha: unknown key; allowed: actions,"),
        (
            "foo=1",
            "foo: unknown key; allowed: dataset, shard, train, agents, encode, evaluate, register",
        ),
        ("train.seed=x", "train.seed: expected a valid integer; found 'x'"),
        ("train.seed=true", "train.seed: expected a valid integer; found True"),
        ("train.seed='3'", "train.seed: expected a valid integer; found '3'"),
        ("train.seed=-1", "train.seed: expected greater than or equal to 0; found -1"),
        ("train.max_minutes=0", "train.max_minutes: expected greater than 0; found 0"),
        (
            "train.agent=foo",
            f"train.agent: expected one of {', '.join(AGENTS)}; found 'foo'",
        ),
        ("train.categories=[]", "categories: expected at least one category, or all"),
        ("train.categories=[cat,cat]", "categories: a category is named twice"),
        ("train.curriculum=[cat,cat]", "curriculum: a category is named twice"),
        ("train.init_sha256=abc", "train.init_sha256: expected 64 hexadecimal digits"),
        ("train.init_from=models:/x/y", "train.init_from: expected a path or models:/NAME/VERSION"),
        ("dataset.name=coco", "dataset.name: expected 'scenes', 'voc2007', 'voc2012',"),
        ("dataset.mirror=''", "dataset.mirror: expected a folder or URL, or null"),
        ("dataset.scenes_images.foo=3", "dataset.scenes_images.foo"),
        ("shard.fractions.train=0.9", "fractions: expected a sum of 1, found 1.25"),
        ("agents.scenes.mdp.step_size=2", "agents.scenes.mdp.step_size: expected less than 1"),
        (
            "agents.scenes.mdp.further_step_sizes=[0.3,0.1,0.3]",
            "further_step_sizes: expected distinct step sizes",
        ),
        ("register.foo=1", "register.foo: unknown key; allowed: model_name, metric"),
        ("agents.scenes.learning.discount=1.5", "discount: expected less than or equal to 1"),
        ("agents.dqn2018.learning.flip=true", "expected flip=false and crop=0 unless"),
        (
            "agents.pretrained.learning.crop=0.2",
            "learning: expected jitter=0 and crop=0 with encoder.kind=pretrained and "
            "encoder.stored=true, which computes the maps once; found jitter=0 and crop=0.2",
        ),
        ("agents.pretrained.learning.jitter=0.2", "found jitter=0.2 and crop=0"),
        ("agents.scenes.encoder.kind=canvit", "crop=0 with encoder.kind=canvit and encoder.stored"),
        ("agents.pretrained.learning.image_size=96", "learning.image_size: expected null for"),
        (
            "agents.scenes.encoder.image_size=64",
            "agents.scenes.learning.image_size: expected at most encoder.image_size=64, or null; "
            "found 96",
        ),
        ("agents.dqn2018.head.learned_zooms=true", "head.learned_zooms: expected false unless"),
        ("agents.dqn2018.learning.start_windows=0.1", "learning.start_windows: expected 0 unless"),
        (
            "agents.caicedo2015.mdp.refinements=1",
            "mdp.refinements: expected 0 unless head.l",
        ),
        ("agents.pretrained.learning.start_windows=0.6", "of 1 at most, found 1.35"),
        ("agents.dqn2018.head.learned_steps=true", "head.learned_steps: expected false unless"),
        ("evaluate.search.learned_steps=1.5", "expected less than or equal to 1"),
        ("agents.dqn2018.learning.object_windows=0.5", "expected 0 unless learning.backup"),
        (
            "agents.scenes.learning.n_step=3",
            "learning.n_step: expected 1 unless learning.backup=sampled: only the action taken has",
        ),
        (
            "agents.dqn2018.replay.priority_exponent=1.5",
            "priority_exponent: expected less than or equal to 1",
        ),
        (
            "agents.dqn2018.replay.importance_exponent=-1",
            "importance_exponent: expected greater than or equal to 0",
        ),
        (
            "agents.dqn2018.head.recurrent=8",
            "head.recurrent: expected 0 with encoder.kind=crops or encoder.frames=1",
        ),
        ("agents.bellver2016.mdp.zooms=true", "zooms: expected false with actions=hierarchical"),
        ("agents.scenes.schedule.absent_episodes=1", "schedule.absent_episodes: expected 0 unless"),
        ("agents.dqn2018.schedule.absent_episodes=1", "schedule.absent_episodes: expected 0 unle"),
        ("evaluate.search.order=tree", "max_windows: expected a budget with search.order=tree; f"),
        ("evaluate.search.order=best", "expected 'best_first', 'tree' or 'restarts'; found 'best'"),
        ("agents.scenes.head.recurrent=8", "head.recurrent: expected 0 with encoder.kind=crops"),
        ("agents.dqn2018.learning.n_step=0", "n_step: expected greater than or equal to 1"),
        ("agents.dqn2018.encoder.category_channels=2", "encoder.category_channels: expected 0"),
        ("agents.dqn2018.replay.init_size=600000", "expected at most replay.size=500000"),
        ("register.metric=loss", "register.metric: expected 'success_rate.greedy.mean'"),
        ("animate.format=avi", "animate.format: expected 'webp', 'gif' or 'mp4'; found 'avi'"),
        (
            "agents.scratch.extends=foo",
            "params.yaml: agents.scratch.extends: expected one of "
            f"{', '.join(name for name in AGENTS if name != 'scratch')}; found 'foo'",
        ),
        ("agents.scratch.extends=[scenes]", "scratch.extends: expected one of scenes, pretrained"),
        (
            "agents.scenes.extends=scratch",
            "agents.scratch.extends: circle: scenes -> scratch -> scenes",
        ),
        ("agents.scratch.extends=scratch", "scratch.extends: circle: scratch -> scratch"),
        ("agents.scratch.foo=1", "agents.scratch.foo: unknown key; allowed: extends, mdp, encoder"),
        ("agents.scratch=null", "agents.scratch: expected an object; found None"),
        ("agents.scratch.mdp=null", "agents.scratch.mdp: expected an object; found None"),
        ("train", "expected KEY=VALUE"),
        ("train.seed.x=3", "'seed' is not a section"),
    ],
)
def test_impossible_parameters_are_refused_in_one_line(override: str, expected: str) -> None:
    assert expected in refused(override)


def test_windows_land_by_learned_moves_alone() -> None:
    still = "agents.scratch.head.learned_steps=false", "agents.scratch.mdp.refinements=0"
    found = refused(*still, "agents.scratch.learning.landed_windows=0.1")
    assert "landed_windows: expected 0 unless head" in found


def test_all_that_does_not_fit_together_is_told_at_once() -> None:
    told = refused("agents.scenes.encoder.kind=canvit", "agents.scenes.encoder.image_size=100")
    for each in ("encoder.image_size: expected a multiple of 32", "; learning: expected jitter=0"):
        assert each in told
    told = refused("agents.pretrained.learning.backup=sampled")
    for each in ("learning.start_windows", "head.presence", "head.learned_zooms"):
        assert f"{each}: expected " in told


def test_returns_of_several_steps_need_room_for_all_environments() -> None:
    settings = ("learning.n_step=3", "replay.init_size=10", "schedule.environments=32")
    several = [f"agents.dqn2018.{each}" for each in settings]
    message = refused(*several, "agents.dqn2018.replay.size=31")
    assert "replay.size: expected at least schedule.environments=32 with learning.n_step" in message
    load_params(FILE, [*several, "agents.dqn2018.replay.size=32"])


@pytest.mark.parametrize(("agent", "windows"), [("dqn2018", 4), ("scenes", 1)])
def test_priorities_need_something_to_draw(agent: str, windows: int) -> None:
    message = refused(
        f"agents.{agent}.replay.priority_exponent=0.5",
        f"agents.{agent}.learning.windows_per_image={windows}",
        *(() if agent == "dqn2018" else ("agents.scenes.learning.object_windows=0.0",)),
    )
    assert "replay.priority_exponent: expected 0 unless learning.windows_per_image is 1" in message
    assert f"found {windows} with" in message


def test_a_curriculum_must_lie_within_the_categories() -> None:
    message = refused("train.categories=[cat,dog]", "train.curriculum=[cat,cow]")
    assert "curriculum: 'cow' is not among categories ['cat', 'dog']" in message


@pytest.mark.parametrize("value", ["cat", "[cat]"])
def test_one_category_may_come_with_or_without_brackets(value: str) -> None:
    assert load_params(FILE, [f"train.categories={value}"]).train.categories == ("cat",)


def test_a_list_of_the_word_all_is_all() -> None:
    assert load_params(FILE, ["train.categories=[all]"]).train.categories == "all"


@pytest.mark.parametrize("setting", ["[0,12]", "['0','12']"])
def test_categories_may_be_called_by_digits(setting: str) -> None:
    assert load_params(FILE, [f"train.categories={setting}"]).train.categories == ("0", "12")
    assert load_params(FILE, ["train.categories=7"]).train.categories == ("7",)
    assert "expected names, with quotes where" in refused("train.categories=[1.5]")
    assert "something else; found True" in refused("train.categories=[true]")


def test_numbers_are_read_as_yaml_1_2() -> None:
    params = load_params(FILE, ["agents.scenes.learning.learning_rate=1e-4"])
    assert params.agent.learning.learning_rate == 1e-4


def test_the_shipped_agents_come_in_the_order_of_the_tables() -> None:
    assert tuple(name for name in AGENTS if name in SHIPPED) == SHIPPED


def test_the_agent_named_is_the_agent_used() -> None:
    params = load_params(FILE, ["train.agent=dqn2018"])
    assert params.agent is params.agents["dqn2018"]
    assert params.agent.learning.backup == "sampled"


def test_the_2018_preset_has_the_dissertations_parameters() -> None:
    agent = load_params(FILE).agents["dqn2018"]
    assert (agent.mdp.actions, agent.mdp.step_size, agent.mdp.max_steps) == (
        "dissertation",
        0.2,
        50,
    )
    assert agent.mdp.min_side == pytest.approx(10 / 84)
    assert (agent.encoder.kind, agent.encoder.image_size, agent.encoder.frames) == ("crops", 84, 4)
    assert agent.encoder.greyscale
    assert (agent.head.hidden, agent.head.dropout) == ((512,), 0.5)
    learning = agent.learning
    assert (learning.discount, learning.learning_rate, learning.loss) == (0.99, 2.5e-4, "squared")
    assert (learning.images_per_batch, learning.target_update_every) == (32, 10000)
    assert (agent.replay.size, agent.replay.init_size) == (500_000, 500)
    exploration = agent.exploration
    assert (exploration.epsilon_start, exploration.epsilon_end) == (1.0, 0.2)
    assert exploration.epsilon_decay_steps == 500
    assert (agent.schedule.episodes_per_image, agent.schedule.passes) == (5, 1)


def test_a_missing_or_malformed_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ObjlocError, match="no such parameter file"):
        load_params(tmp_path / "none.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("train: [1,")
    with pytest.raises(ObjlocError, match=r"broken.yaml: not valid YAML") as error:
        load_params(broken)
    assert "\n" not in str(error.value)
    broken.write_text("just text")
    with pytest.raises(ObjlocError, match="expected sections"):
        load_params(broken)


def test_parameters_cannot_be_changed_after_reading() -> None:
    params = load_params(FILE)
    with pytest.raises(ValueError, match="frozen"):
        params.train.seed = 3


def test_every_section_of_the_file_is_a_section_of_the_model() -> None:
    names = {field.alias or name for name, field in Params.model_fields.items()}
    assert names == {
        "dataset", "shard", "train", "agents", "encode", "evaluate", "register", "report",
        "animate", "explore", "layers",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("agent", "digest"),
    [
        ("scenes", "a2368398ef52"), ("pretrained", "2f4a5b1df3e7"), ("scratch", "e25896a5e692"),
        ("dqn2018", "92c59ce427a2"),
    ],
)  # fmt: skip
def test_the_agents_are_those_of_the_published_figures(agent: str, digest: str) -> None:
    """A change of ``scenes`` may change another agent unnoticed: the figures are then not its."""
    found = load_params(FILE).agents[agent].model_dump_json()
    assert hashlib.sha256(found.encode()).hexdigest()[:12] == digest


def test_a_newer_key_is_written_where_it_is_used() -> None:
    agents = load_params(FILE).agents
    for section, key, user in (
        ("mdp", "zoom_side", "bellver2016"),
        ("schedule", "absent_episodes", "caicedo2015"),
        ("learning", "image_size", "scenes"),
    ):
        assert key not in getattr(agents["scratch"], section).model_dump()
        written = agents[user].model_dump_json()
        assert f'"{key}":' in written
        assert type(agents[user]).model_validate_json(written) == agents[user]


def test_the_agents_of_the_field_have_their_papers_parameters() -> None:
    agents = load_params(FILE).agents
    caicedo, bellver, tree = (agents[name] for name in ("caicedo2015", "bellver2016", "treerl2016"))
    assert (caicedo.mdp.actions, caicedo.mdp.step_size, caicedo.mdp.reward) == (
        "paper",
        0.2,
        "sign",
    )
    assert (caicedo.mdp.trigger_iou, caicedo.mdp.trigger_reward, caicedo.mdp.trigger_cost) == (
        0.6, 3.0, 3.0,
    )  # fmt: skip
    assert caicedo.mdp.max_steps == 40
    assert (caicedo.head.hidden, caicedo.head.action_history) == ((1024, 1024), 10)
    assert (bellver.mdp.actions, bellver.mdp.zoom_side) == ("hierarchical", 0.75)
    assert (bellver.head.action_history, bellver.mdp.max_steps) == (4, 10)
    assert (tree.mdp.zooms, tree.mdp.zoom_side, tree.mdp.step_size) == (True, 0.55, 0.25)
    assert (tree.mdp.trigger_reward, tree.head.action_history) == (5.0, 50)
    # The paper of 2015 names no discount; with Tree-RL's .9 the values run away.
    assert [each.learning.discount for each in (caicedo, bellver, tree)] == [0.5, 0.9, 0.5]
    for agent in (caicedo, bellver, tree):
        assert agent.learning.backup == "sampled"
        assert agent.head.per_category
        assert (agent.exploration.epsilon_start, agent.exploration.epsilon_end) == (1.0, 0.1)
        assert agent.exploration.guided


def test_what_no_agent_changes_stands_apart_in_the_file() -> None:
    agents = load_params(FILE).agents
    seldom = seldom_changed(agents)
    lines = FILE.read_text("utf-8").partition("\n  scenes:\n")[2].partition("\n\n")[0]
    others, apart = {}, {}
    for section in re.split(r"^ {4}(?=\w)", lines, flags=re.MULTILINE)[1:]:
        name, _, body = section.partition(":\n")
        halves = body.partition("# Seldom changed:\n")[::2]
        others[name], apart[name] = (
            set(re.findall(r"^ {6}(\w+):", half, re.MULTILINE)) for half in halves
        )
    assert apart == seldom
    assert {name: others[name] | apart[name] for name in others} == {
        name: set(type(section).model_fields) for name, section in agents["scenes"]
    }
    assert sum(map(len, seldom.values())) == 32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("agents: {a: {}}\ntrain: {seed: " + "9" * 5000 + "}", "not valid YAML: "),
        ("a: " + "[" * 500, "not valid YAML: "),
        ("train: {agent: 2020-01-01}", "train.agent: expected a text, .*; found a date"),
        ("agents: &a {b: *a}", "expected at most 100,000 values; found more"),
        ("agents: {5: {extends: 5}}", r"agents\.5\.extends: "),
        ("agents: {a: {}}\n#" + "x" * 2**20, "expected at most 1048576 bytes; found more"),
        ("", "expected sections such as 'train:'; found None"),
    ],
    ids=["digits", "nesting", "date", "alias of itself", "number", "size", "nothing"],
)
def test_a_file_of_anything_is_refused_in_one_line(
    text: str, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(ObjlocError, match=expected) as error:
        load_params(path)
    assert "\n" not in str(error.value)


def test_a_chain_of_agents_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("agents:\n" + "".join(f"  a{n}: {{extends: a{n + 1}}}\n" for n in range(2000)))
    with pytest.raises(ObjlocError, match="not valid YAML: maximum recursion depth exceeded"):
        load_params(path)


def test_a_folder_is_no_parameter_file(tmp_path: Path) -> None:
    with pytest.raises(ObjlocError, match="cannot be read: Is a directory"):
        load_params(tmp_path)
