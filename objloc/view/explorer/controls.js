// Keys, touch and buttons; then the page is begun.

const HELP_KEYS = [
  ["Space", "play, pause"],
  ["← →", "a step back, on"],
  ["Home End", "the start, the end"],
  ["[ ]", "image before, after"],
  ["1 … 9", "search of the image"],
  ["W A Y", "watch, all, your turn"],
  ["G", "truth on, off"],
];

const WATCH_KEYS = {
  " ": togglePlay,
  arrowleft: () => seek(state.position - 1),
  arrowright: () => seek(state.position + 1),
  home: () => seek(0),
  end: () => seek(lastNow()),
  w: () => setMode("watch"),
  a: () => setMode("together"),
  y: () => setMode("turn"),
};
const EVERY_KEYS = {
  "[": () => chooseImage(neighbour(state.image, -1)),
  "]": () => chooseImage(neighbour(state.image, 1)),
  g: toggleTruth,
  "?": () => byId("help").showModal(),
};
const TURN_KEYS = { r: startTurn, escape: () => setMode("watch") };

function actionOf(key, shift) {
  const base = DATA.actions.map(baseOf).find((each) => ACTION_KEYS[each].includes(key));
  return base && actionBy(base, shift && takesShift(key) ? 1 : 0);
}

// Whether the focused control wants this key for itself.
function taken(target, key) {
  if (target.closest("select")) return true;
  // It still has the focus for a moment when its dialog has closed.
  if (target.closest("input[type=checkbox]")) return key === " ";
  if (target.closest("input[type=range]")) return key.startsWith("arrow") || key === "home" || key === "end";
  return Boolean(target.closest("button, a")) && (key === " " || key === "enter");
}

document.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  const off = !byId("shortcuts").checked && key.length === 1 && key !== " ";
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open || off) return;
  if (taken(event.target, key)) return;
  const number = Number(key);
  let command = EVERY_KEYS[key];
  if (!command && state.mode === "turn") {
    const action = actionOf(key, event.shiftKey);
    command = action ? () => act(action) : TURN_KEYS[key];
  } else if (!command) {
    command = WATCH_KEYS[key];
    if (number >= 1 && number <= imageNow().searches.length) command = () => chooseSearch(number - 1);
  }
  if (!command) return;
  event.preventDefault();
  command();
});

// On the photograph: in your turn a swipe moves and a pinch resizes; else a tap plays and a
// drag scrubs.
const touches = new Map();
let gesture = null;

const spread = () => {
  const [a, b] = [...touches.values()];
  return Math.hypot(a.x - b.x, a.y - b.y);
};

frame.addEventListener("pointerdown", (event) => {
  if (event.button > 0) return;
  frame.setPointerCapture(event.pointerId);
  touches.set(event.pointerId, { x: event.clientX, y: event.clientY });
  if (touches.size === 1) gesture = { x: event.clientX, y: event.clientY, from: state.position, moved: false };
  if (touches.size === 2 && gesture) gesture.spread = spread();
});
frame.addEventListener("pointermove", (event) => {
  if (!touches.has(event.pointerId) || !gesture) return;
  touches.set(event.pointerId, { x: event.clientX, y: event.clientY });
  const across = event.clientX - gesture.x;
  if (state.mode === "turn" || touches.size > 1 || (!gesture.moved && Math.abs(across) < 8)) return;
  gesture.moved = true;
  const to = gesture.from + Math.round((across / frame.clientWidth) * Math.max(lastNow(), 6));
  if (to !== state.position) seek(to);
});
frame.addEventListener("pointerup", (event) => {
  if (!touches.has(event.pointerId) || !gesture) return;
  const two = touches.size === 2 && gesture.spread ? spread() / gesture.spread : null;
  touches.clear();
  const [across, down] = [event.clientX - gesture.x, event.clientY - gesture.y];
  const { moved } = gesture;
  gesture = null;
  if (state.mode !== "turn") {
    if (!moved && two === null) togglePlay();
  } else if (two !== null) {
    if (two > 1.15) act(actionBy("bigger", stride));
    if (two < 0.87) act(actionBy("smaller", stride));
  } else if (Math.max(Math.abs(across), Math.abs(down)) >= 24) {
    const sideways = Math.abs(across) > Math.abs(down);
    if (sideways) act(actionBy(across > 0 ? "move_right" : "move_left", stride));
    else act(actionBy(down > 0 ? "move_down" : "move_up", stride));
  }
});
frame.addEventListener("pointercancel", () => {
  touches.clear();
  gesture = null;
});

byId("play").addEventListener("click", togglePlay);
byId("back").addEventListener("click", () => seek(state.position - 1));
byId("forward").addEventListener("click", () => seek(state.position + 1));
byId("scrub").addEventListener("input", (event) => seek(Number(event.target.value)));
byId("truth").addEventListener("click", toggleTruth);
byId("speed").addEventListener("click", (event) => {
  state.speed = SPEEDS[(SPEEDS.indexOf(state.speed) + 1) % SPEEDS.length];
  event.currentTarget.textContent = `${state.speed === 0.5 ? "½" : state.speed}×`;
  event.currentTarget.setAttribute("aria-label", `Speed: ${state.speed} times`);
});
for (const button of document.querySelectorAll(".modes button")) {
  button.addEventListener("click", () => setMode(button.dataset.mode));
}
byId("help-open").addEventListener("click", () => byId("help").showModal());
byId("help").addEventListener("click", (event) => {
  // A click beside the open dialog falls on the dialog itself.
  if (event.target === byId("help")) byId("help").close();
});
window.addEventListener("hashchange", followAddress);

function describePage() {
  const { data, image_set: set, model } = DATA;
  byId("about-data").textContent = `${DATA.images.length} images of ${data.name}, ${set}`;
  byId("help-success").textContent = `a search succeeds with a trigger above ${DATA.success_iou}`;
  const { mdp } = DATA;
  byId("help-move").textContent = mdp.reward === "sign"
    ? "A move that makes it grow earns +1, any other −1"
    : `A move earns ${mdp.reward_scale} times the change of ${mdp.reward === "log" ? "its logarithm" : "it"}, within −1 and +1`;
  byId("help-trigger").textContent = `earns ${mdp.trigger_reward} above ${mdp.trigger_iou}; a wrong one costs ${triggerCost(mdp)}`;
  const actions = DATA.actions.map((action) => [signsOf(action).join(" "), words(action)])
    .filter(([keys]) => keys);
  const groups = [["Keys", HELP_KEYS], ["In your turn", [...actions, ["R", "start again"], ["Esc", "leave"]]]];
  byId("keys").replaceChildren(...groups.map(([title, rows]) => element(
    "div",
    {},
    element("h3", { text: title }),
    element("dl", {}, ...rows.map(([key, does]) => element("div", {}, element("dt", { text: key }), element("dd", { text: does })))),
  )));
  byId("provenance").textContent = `Data ${data.name} ${data.hash.slice(0, 12)}, model ${model.sha256.slice(0, 12)}.`;
}

describePage();
buildPad(act);
buildGallery(chooseImage, () => {
  const shown = filterGallery();
  if (!shown.size) return;
  chooseImage(shown.has(state.image) ? state.image : Math.min(...shown));
});
filterGallery();
followAddress();
// For tests, and for the curious in the console: the decision process and the state.
window.explorer = { DATA, moveBox, bestIou, rewardOf, newTurn, takeAction, state, turn: () => turn };
