// Small drawings of the actions: the window before, and what becomes of it.

// "move_right_0.3" is "move_right" by a further step size: its number counts the sizes, the
// first one 0.
const ACTIONS = new Map(DATA.actions.map((action) => {
  const [, base, size] = action.match(/^(.*?)(?:_([0-9].*))?$/);
  const further = DATA.mdp.further_step_sizes ?? [];
  return [action, { base, number: size === undefined ? 0 : 1 + further.indexOf(Number(size)) }];
}));
const baseOf = (action) => ACTIONS.get(action)?.base ?? action;
const STEP_SIZES = [DATA.mdp.step_size, ...(DATA.mdp.further_step_sizes ?? [])];

// The action of a kind by a step size; of a kind that has one alone, that.
function actionBy(base, number) {
  const known = [...ACTIONS].filter(([, each]) => each.base === base);
  return (known.find(([, each]) => each.number === number) ?? known[0])?.[0];
}

const GLYPHS = {
  move_right: "M4 7h9v10H4zM15 12h6m-3-3 3 3-3 3",
  move_left: "M11 7h9v10h-9zM9 12H3m3-3-3 3 3 3",
  move_up: "M7 11h10v9H7zM12 9V3m-3 3 3-3 3 3",
  move_down: "M7 4h10v9H7zM12 15v6m-3-3 3 3 3-3",
  bigger: "M9 9h6v6H9zM7 7 3 3m0 3V3h3M17 7l4-4m0 3V3h-3M7 17l-4 4m0-3v3h3M17 17l4 4m0-3v3h-3",
  smaller: "M10 10h4v4h-4zM3 3l5 5m0-3v3H5M21 3l-5 5m0-3v3h3M3 21l5-5m0 3v-3H5M21 21l-5-5m0 3v-3h3",
  taller: "M9 3h6v18H9zM2 12h5m-2-2 2 2-2 2M22 12h-5m2-2-2 2 2 2",
  fatter: "M3 9h18v6H3zM12 2v5m-2-2 2 2 2-2M12 22v-5m-2 2 2-2 2 2",
  split_horizontal: "M4 5h8v14H4zM14 5h6v14h-6",
  split_vertical: "M5 4h14v8H5zM5 14v6h14v-6",
  zoom_upper_left: "M3 3h18v18H3zM3 3h10v10H3z",
  zoom_upper_right: "M3 3h18v18H3zM11 3h10v10H11z",
  zoom_lower_left: "M3 3h18v18H3zM3 11h10v10H3z",
  zoom_lower_right: "M3 3h18v18H3zM11 11h10v10H11z",
  zoom_centre: "M3 3h18v18H3zM7 7h10v10H7z",
  trigger: "M5 12a7 7 0 1 0 14 0 7 7 0 1 0-14 0M12 2v5M12 17v5M2 12h5M17 12h5",
};

function glyph(action) {
  const path = drawn("path", { d: GLYPHS[baseOf(action)] ?? GLYPHS.trigger });
  return drawn("svg", { viewBox: "0 0 24 24", class: "glyph", "aria-hidden": "true" }, path);
}

const TRANSPORT = { play: "M8 5v14l11-7z", pause: "M7 5h4v14H7zM13 5h4v14h-4z", again: "M5 12a7 7 0 1 0 2-5M7 2v5h5" };

function transportGlyph(name) {
  const path = drawn("path", { d: TRANSPORT[name] });
  const kind = name === "again" ? "glyph" : "glyph solid";
  return drawn("svg", { viewBox: "0 0 24 24", class: kind, "aria-hidden": "true" }, path);
}

// What each action is for, in a few words.
const MEANINGS = {
  move_right: "to the right",
  move_left: "to the left",
  move_up: "upwards",
  move_down: "downwards",
  bigger: "both sides longer",
  smaller: "both sides shorter",
  taller: "narrower, so taller in shape",
  fatter: "lower, so wider in shape",
  split_horizontal: "keep the left half",
  split_vertical: "keep the upper half",
  zoom_upper_left: "keep the upper left part",
  zoom_upper_right: "keep the upper right part",
  zoom_lower_left: "keep the lower left part",
  zoom_lower_right: "keep the lower right part",
  zoom_centre: "keep the middle",
  trigger: "here it is: end the search",
};

function meaningOf(action) {
  const { base, number } = ACTIONS.get(action);
  const steps = STEP_SIZES.length > 1 && ACTIONS.has(`${base}_${STEP_SIZES[1]}`);
  return steps ? `${MEANINGS[base]}, by ${STEP_SIZES[number]} of its side` : MEANINGS[base];
}

// Keys of "your turn", as KeyboardEvent.key in small letters.
const ACTION_KEYS = {
  move_right: ["arrowright"],
  move_left: ["arrowleft"],
  move_up: ["arrowup"],
  move_down: ["arrowdown"],
  bigger: ["+", "=", "b"],
  smaller: ["-", "s"],
  taller: ["t"],
  fatter: ["f"],
  split_horizontal: ["h"],
  split_vertical: ["v"],
  zoom_upper_left: ["1"],
  zoom_upper_right: ["2"],
  zoom_lower_left: ["3"],
  zoom_lower_right: ["4"],
  zoom_centre: ["5"],
  trigger: ["enter"],
};
const KEY_SIGNS = {
  arrowright: "→", arrowleft: "←", arrowup: "↑", arrowdown: "↓", enter: "Enter", escape: "Esc", " ": "Space",
};
const keySign = (key) => KEY_SIGNS[key] ?? key.toUpperCase();

// Letters and arrows with Shift are moves by the second step size. (A plus sign may need
// Shift by itself.)
const takesShift = (key) => key.startsWith("arrow") || /^[a-z]$/.test(key);

function signsOf(action) {
  const { base, number } = ACTIONS.get(action);
  if (number === 0) return ACTION_KEYS[base].map(keySign);
  if (number > 1) return [];
  return ACTION_KEYS[base].filter(takesShift).map((key) => `⇧${keySign(key)}`);
}
