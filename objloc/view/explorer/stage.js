// The photograph and the boxes over it.

const TRAIL = 8; // so many windows before the current one are shown, fading
const layer = byId("layer");
const frame = byId("frame");
const boxNodes = new Map();
let shownImage = null;

function showPhotograph(image) {
  if (shownImage === image) return;
  shownImage = image;
  const photograph = byId("photograph");
  photograph.src = `data:image/jpeg;base64,${PHOTOGRAPHS[image.id]}`;
  const held = image.objects.map((object) => object.category);
  photograph.alt = `Image ${image.id}, which holds ${held.join(", ") || "none of the categories"}`;
  frame.style.setProperty("--ratio", image.width / image.height);
  byId("stage").style.setProperty("--ratio", image.width / image.height);
  layer.replaceChildren();
  boxNodes.clear();
}

// Draw boxes: {key, kind, box, tag, opacity, colour}. A key that was there before glides.
function drawBoxes(image, boxes, jump) {
  layer.classList.toggle("jump", jump);
  const wanted = new Set(boxes.map((each) => each.key));
  for (const [key, node] of boxNodes) {
    if (!wanted.has(key)) {
      node.remove();
      boxNodes.delete(key);
    }
  }
  for (const each of boxes) {
    let node = boxNodes.get(each.key);
    if (!node) {
      node = element("div", { "data-key": each.key }, element("span", { class: "tag" }));
      boxNodes.set(each.key, node);
    }
    node.className = `box ${each.kind}`;
    node.firstChild.textContent = each.tag ?? "";
    node.style.opacity = each.opacity ?? 1;
    node.style.setProperty("--colour", each.colour ?? "");
    const [xmin, ymin, xmax, ymax] = each.box;
    node.style.left = `${(100 * xmin) / image.width}%`;
    node.style.top = `${(100 * ymin) / image.height}%`;
    node.style.width = `${(100 * (xmax - xmin)) / image.width}%`;
    node.style.height = `${(100 * (ymax - ymin)) / image.height}%`;
    node.dataset.box = each.box.join(" ");
    layer.append(node);
  }
}

function trailOf(boxes, kind, key) {
  const before = boxes.slice(-1 - TRAIL, -1).reverse();
  const shown = [];
  const seen = new Set();
  before.forEach((box, age) => {
    const place = box.join(" ");
    if (seen.has(place)) return;
    seen.add(place);
    const number = boxes.length - 2 - age;
    shown.push({ key: `${key}-trail-${number}`, kind: `${kind} trail`, box, opacity: 0.6 * (1 - age / TRAIL) });
  });
  return shown.reverse();
}

function truthBoxes(image, category) {
  return truthOf(image, category).map((object, number) => ({
    key: `truth-${category}-${number}`,
    kind: object.difficult ? "truth difficult" : "truth",
    box: object.box,
    tag: object.category,
  }));
}

function boxesOfSearch(search, position) {
  return Array.from({ length: position + 1 }, (_, at) => boxAt(search, at));
}

function drawWatch(state, jump) {
  const image = DATA.images[state.image];
  const search = image.searches[state.search];
  const boxes = boxesOfSearch(search, state.position);
  const truth = state.truth ? truthBoxes(image, search.category) : [];
  const tag = state.position === lastPosition(search) && search.terminated ? "here" : "";
  const now = { key: "agent", kind: "agent window spot", box: boxes.at(-1), tag };
  drawBoxes(image, [...trailOf(boxes, "agent", "agent"), now, ...truth], jump);
}

function drawTogether(state, jump) {
  const image = DATA.images[state.image];
  const shown = [];
  if (state.truth) {
    const searched = new Set(image.searches.map((search) => search.category));
    for (const category of searched) shown.push(...truthBoxes(image, category).map((box) => ({ ...box, tag: "" })));
  }
  image.searches.forEach((search, number) => {
    const at = Math.min(state.position, lastPosition(search));
    const over = at === lastPosition(search);
    shown.push({
      key: `search-${number}`,
      kind: `window series${over && !search.terminated ? " faded" : ""}`,
      box: boxAt(search, at),
      tag: over && search.terminated ? `${search.key}: here` : search.key,
      colour: SERIES[number % SERIES.length],
    });
  });
  drawBoxes(image, shown, jump);
}

function drawTurn(state, turn, jump) {
  const image = DATA.images[state.image];
  const search = image.searches[state.search];
  const now = { key: "you", kind: "you window spot", box: turn.boxes.at(-1), tag: turn.done ? "you" : "" };
  const shown = [...trailOf(turn.boxes, "you", "you")];
  if (turn.done) shown.push({ key: "agent", kind: "agent window", box: search.final_box, tag: "agent" });
  shown.push(now);
  if (turn.done || state.truth) shown.push(...truthBoxes(image, search.category));
  drawBoxes(image, shown, jump);
}
