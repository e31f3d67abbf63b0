// The searches of the page, and places in them: image, search, step, written in the address.

const DATA = JSON.parse(document.getElementById("data").textContent);
const PHOTOGRAPHS = JSON.parse(document.getElementById("photographs").textContent);

const byId = (id) => document.getElementById(id);
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

// One colour for each search shown together, after Okabe and Ito's; blue is the truth's.
const SERIES = ["#ffb000", "#ff8fc4", "#57d9a3", "#b9a5ff", "#f0e442", "#ff7f50", "#d7dde6"];
// The same on paper, where they need more weight.
const SERIES_PAPER = ["#965900", "#bb2c77", "#00795a", "#6a4fd0", "#7a7100", "#bf4413", "#4a5360"];

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") made.textContent = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const words = (name) => name.replaceAll("_", " ");
const counted = (steps) => (steps === 1 ? "1 step" : `${steps} steps`);
const fixed = (value) => value.toFixed(3);
const signed = (value) => {
  const size = Number(Math.abs(value).toFixed(2));
  return size === 0 ? "0" : `${value > 0 ? "+" : "−"}${size}`;
};

// Positions of a search are its steps and, after them, its end.
const lastPosition = (search) => search.steps.length;

function boxAt(search, position) {
  const step = search.steps[position];
  return step ? step.box : search.final_box;
}

function iouAt(search, position) {
  const step = search.steps[position];
  return step ? step.iou : search.final_iou;
}

// found: a trigger on an object; missed: the object is there; clear: rightly no trigger;
// alarm: a trigger where there is nothing.
function outcomeOf(search) {
  if (search.success) return "found";
  if (search.present) return "missed";
  return search.terminated ? "alarm" : "clear";
}

const OUTCOMES = {
  found: { sign: "✓", words: "found" },
  missed: { sign: "✕", words: "missed" },
  alarm: { sign: "!", words: "false alarm" },
  clear: { sign: "–", words: "not here, none claimed" },
};

function truthOf(image, category) {
  return image.objects.filter((object) => object.category === category);
}

// "#image=ID&search=KEY&step=3&mode=together": all but the image may be missing.
function readAddress(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const place = { mode: "watch", position: 0 };
  if (["watch", "together", "turn"].includes(given.get("mode"))) place.mode = given.get("mode");
  const id = given.get("image");
  place.image = id === null ? 0 : DATA.images.findIndex((image) => image.id === id);
  if (place.image < 0) {
    place.image = 0;
    place.missing = id;
    return { ...place, search: 0 };
  }
  const { searches } = DATA.images[place.image];
  const asked = searches.findIndex((search) => search.key === given.get("search"));
  place.search = Math.max(asked, 0);
  const step = given.get("step");
  const last = lastPosition(searches[place.search]);
  if (step === "end") place.position = last;
  else if (/^[0-9]+$/.test(step ?? "")) place.position = Math.min(Math.max(Number(step) - 1, 0), last);
  return place;
}

function writeAddress(state) {
  const image = DATA.images[state.image];
  const given = new URLSearchParams({ image: image.id });
  given.set("search", image.searches[state.search].key);
  if (state.mode !== "turn") given.set("step", String(state.position + 1));
  if (state.mode !== "watch") given.set("mode", state.mode);
  return `#${given}`;
}
