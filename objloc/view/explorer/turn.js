// "Your turn": the visitor moves the window by the agent's actions and rules.

const PAD = [
  "smaller", "move_up", "bigger",
  "move_left", "trigger", "move_right",
  "taller", "move_down", "fatter",
  "split_horizontal", "split_vertical",
];
const ZOOMS = ["zoom_upper_left", "zoom_upper_right", "zoom_lower_left", "zoom_lower_right", "zoom_centre"];
let stride = 0; // number of the step size by which buttons and fingers move

function newTurn(image, search) {
  const start = search.steps[0].box;
  const objects = truthOf(image, search.category).map((object) => object.box);
  return {
    image, search, objects,
    boxes: [start.slice()],
    ious: [bestIou(start, objects)],
    actions: [],
    rewards: [],
    done: false,
    terminated: false,
  };
}

function takeAction(turn, action) {
  if (turn.done || !turn.search.actions.includes(action)) return false;
  const size = [turn.image.width, turn.image.height];
  const box = moveBox(turn.boxes.at(-1), size, action, DATA.mdp);
  const iou = bestIou(box, turn.objects);
  turn.rewards.push(rewardOf(action, turn.ious.at(-1), iou, DATA.mdp));
  turn.actions.push(action);
  turn.boxes.push(box);
  turn.ious.push(iou);
  turn.terminated = action === "trigger";
  turn.done = turn.terminated || turn.actions.length >= DATA.mdp.max_steps;
  return true;
}

const yourOutcome = (turn) => turn.terminated && turn.ious.at(-1) > DATA.success_iou;

// How the first tries of this visit went: search to [you, agent].
const tally = new Map();

function keepTally(turn) {
  const key = `${turn.image.id} ${turn.search.key}`;
  if (!tally.has(key)) tally.set(key, [yourOutcome(turn), turn.search.success]);
}

function padButton(base, act) {
  const action = actionBy(base, stride);
  const [sign] = signsOf(action);
  return element(
    "button",
    {
      type: "button",
      class: base === "trigger" ? "act trigger" : "act",
      "data-action": action,
      title: [meaningOf(action), ...(sign ? [`(${signsOf(action).join(" or ")})`] : [])].join(" "),
      onclick: (event) => {
        act(action);
        // After a click, Enter shall trigger, not repeat the button.
        if (event.detail > 0) event.currentTarget.blur();
      },
    },
    glyph(action),
    element("span", { text: base === "trigger" ? "here!" : words(base).replace(/^(move|zoom) /, "") }),
    element("kbd", { "aria-hidden": "true", text: sign ?? "" }),
  );
}

// Where moves have several step sizes, a switch says by which the buttons move.
function strideSwitch(act) {
  const choose = (number) => {
    stride = number;
    buildPad(act);
    byId("pad").querySelector(".strides [aria-pressed=true]").focus({ preventScroll: true });
  };
  const made = STEP_SIZES.map((size, number) => element(
    "button",
    { type: "button", "aria-pressed": String(number === stride), onclick: () => choose(number) },
    `${size}`,
  ));
  const group = { class: "strides", role: "group", "aria-label": "Step size" };
  return element("div", group, element("span", { text: "Step size" }), ...made);
}

function buildPad(act) {
  const known = new Set(DATA.actions.map(baseOf));
  const buttons = (bases) => bases.filter((base) => known.has(base)).map((base) => padButton(base, act));
  const made = buttons(PAD);
  const zooms = buttons(ZOOMS);
  if (zooms.length) made.push(element("div", { class: "zooms", role: "group", "aria-label": "Zoom" }, ...zooms));
  if (STEP_SIZES.length > 1) made.unshift(strideSwitch(act));
  byId("pad").replaceChildren(...made);
}

function resultTable(turn) {
  const { search } = turn;
  const row = (name, kind, found, steps, iou) => element(
    "tr",
    { class: kind },
    element("th", { scope: "row", text: name }),
    element("td", { text: found ? "found" : "missed" }),
    element("td", { class: "steps", text: String(steps), "data-value": steps }),
    element("td", { class: "iou", text: fixed(iou), "data-value": iou }),
  );
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...["", "outcome", "steps", "IoU"].map((name) => element("th", { scope: "col", text: name })))),
    element(
      "tbody",
      {},
      row("You", "you", yourOutcome(turn), turn.actions.length, turn.ious.at(-1)),
      row("Agent", "agent", search.success, lastPosition(search), search.final_iou),
    ),
  );
}

function verdictOn(turn) {
  const iou = turn.ious.at(-1);
  if (!turn.terminated) return `No trigger within ${counted(turn.actions.length)}.`;
  if (!yourOutcome(turn)) return `Not quite: more than ${DATA.success_iou} is needed, yours is ${fixed(iou)}.`;
  if (!turn.search.success) return "You found what the agent missed.";
  const less = lastPosition(turn.search) - turn.actions.length;
  if (less > 0) return `Found, with ${counted(less)} less than the agent.`;
  if (less < 0) return `Found; the agent took ${counted(-less)} less.`;
  return "Found, in as many steps as the agent.";
}

function showTurn(turn, { truth, again, next }) {
  const { search } = turn;
  const seen = truth || turn.done;
  byId("turn-title").replaceChildren("Find the ", element("mark", { text: search.category }));
  byId("turn-lead").textContent = turn.done
    ? verdictOn(turn)
    : "Move the window until it fits the object closely, then say “here!”.";
  for (const button of byId("pad").querySelectorAll("button")) button.disabled = turn.done;
  const count = turn.actions.length;
  const reward = seen && count ? turn.rewards.at(-1) : null;
  showFigures(stepFigure(count, DATA.mdp.max_steps), seen ? turn.ious.at(-1) : null, reward);
  byId("pad").hidden = turn.done;
  const result = byId("result");
  result.hidden = !turn.done;
  if (turn.done) {
    const won = [...tally.values()];
    const score = (side) => won.filter((each) => each[side]).length;
    result.replaceChildren(
      resultTable(turn),
      element(
        "div",
        { class: "after" },
        element("button", { type: "button", class: "act plain", id: "again", onclick: again, text: "Try again" }),
        element("button", { type: "button", class: "act primary", id: "next", onclick: next, text: "Next image" }),
      ),
      element("p", { class: "note", text: `First tries so far: you found ${score(0)} of ${won.length}, the agent ${score(1)}.` }),
    );
  }
}
