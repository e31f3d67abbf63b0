// The state of the page, and how it changes.

const FRAME_MS = 600; // of a step, at speed 1
const REST_MS = 250;
const SPEEDS = [0.5, 1, 2, 4];
const app = byId("app");
const state = { image: 0, search: 0, position: 0, mode: "watch", truth: true, playing: false, speed: 1 };
let turn = null;
let timer = null;
let addressTimer = null;
let truthBefore = true; // what the switch said before "your turn"

const imageNow = () => DATA.images[state.image];
const searchNow = () => imageNow().searches[state.search];

function lastNow() {
  if (state.mode !== "together") return lastPosition(searchNow());
  return Math.max(...imageNow().searches.map(lastPosition));
}

function render(jump = false) {
  const image = imageNow();
  app.dataset.mode = state.mode;
  showPhotograph(image);
  markThumb(state.image);
  showChips(state, chooseSearch);
  byId("truth").setAttribute("aria-pressed", String(state.truth));
  for (const button of document.querySelectorAll(".modes button")) {
    button.setAttribute("aria-pressed", String(button.dataset.mode === state.mode));
  }
  if (state.mode === "turn") renderTurn(jump);
  else renderSearch(jump);
  keepAddress();
}

// Browsers allow few changes of the address a second: it follows when the page is at rest.
function keepAddress() {
  clearTimeout(addressTimer);
  if (state.playing) return;
  addressTimer = setTimeout(() => history.replaceState(null, "", writeAddress(state)), REST_MS);
}

function renderSearch(jump) {
  const last = lastNow();
  const scrub = byId("scrub");
  scrub.max = last;
  scrub.value = state.position;
  scrub.style.setProperty("--share", `${(100 * state.position) / Math.max(last, 1)}%`);
  showPlayButton(last);
  if (state.mode === "together") {
    drawTogether(state, jump);
    showList(state, chooseFromList);
    byId("caption").replaceChildren(`${imageNow().searches.length} searches of one image, side by side`);
    drawChart(togetherPlan(state, seek));
    scrub.setAttribute("aria-valuetext", `step ${state.position + 1}`);
    return;
  }
  const search = searchNow();
  drawWatch(state, jump);
  showBars(search, state.position);
  showWatchFigures(search, state.position);
  const said = caption(search, state.position);
  byId("caption").setAttribute("aria-live", state.playing ? "off" : "polite");
  byId("caption").replaceChildren(...said);
  const iou = fixed(iouAt(search, state.position));
  const place = state.position === last ? "the end" : `step ${state.position + 1} of ${last}`;
  scrub.setAttribute("aria-valuetext", `${place}, IoU ${iou}`);
  drawChart(watchPlan(state, seek));
}

function renderTurn(jump) {
  drawTurn(state, turn, jump);
  showTurn(turn, { truth: state.truth, again: startTurn, next: () => chooseImage(neighbour(state.image, 1)) });
  const seen = turn.done || state.truth;
  byId("chart-block").hidden = !seen;
  byId("caption").replaceChildren();
  if (seen) drawChart(turnPlan(state, turn));
}

function showPlayButton(last) {
  const name = state.playing ? "pause" : state.position === last ? "again" : "play";
  const label = { pause: "Pause", again: "Play again", play: "Play" }[name];
  const button = byId("play");
  if (button.dataset.glyph !== name) {
    button.dataset.glyph = name;
    button.setAttribute("aria-label", label);
    button.replaceChildren(transportGlyph(name));
  }
}

function stop() {
  state.playing = false;
  clearTimeout(timer);
}

function tick() {
  timer = setTimeout(() => {
    if (state.position < lastNow()) state.position += 1;
    if (state.position === lastNow()) stop();
    render();
    if (state.playing) tick();
  }, FRAME_MS / state.speed);
}

function togglePlay() {
  if (state.mode === "turn") return;
  if (state.playing) {
    stop();
    render();
    return;
  }
  const again = state.position === lastNow();
  if (again) state.position = 0;
  state.playing = true;
  render(again);
  tick();
}

function seek(position) {
  stop();
  const jump = Math.abs(position - state.position) > 1;
  state.position = Math.min(Math.max(position, 0), lastNow());
  render(jump);
}

function chooseSearch(number) {
  if (state.mode === "together") state.mode = "watch";
  stop();
  state.search = number;
  state.position = 0;
  if (state.mode === "turn") turn = newTurn(imageNow(), searchNow());
  render(true);
}

// From the list of all searches: the chosen one, at the step where all of them are.
function chooseFromList(number) {
  stop();
  state.mode = "watch";
  state.search = number;
  state.position = Math.min(state.position, lastPosition(searchNow()));
  render(true);
}

function chooseImage(number) {
  stop();
  const [passed] = passing(DATA.images[number]);
  state.image = number;
  state.search = passed ?? 0;
  state.position = 0;
  if (state.mode === "turn") startTurn();
  else render(true);
}

// Begin a try at an object that is there; without one there is nothing to find.
function startTurn() {
  stop();
  if (!searchNow().present) {
    const there = imageNow().searches.findIndex((search) => search.present);
    if (there < 0) {
      toast("There is nothing to find in this image.");
      setMode("watch");
      return;
    }
    state.search = there;
  }
  turn = newTurn(imageNow(), searchNow());
  render(true);
}

function setMode(mode) {
  stop();
  const before = state.mode;
  state.mode = mode;
  if (mode === "turn") {
    if (before !== "turn") {
      truthBefore = state.truth;
      state.truth = false;
    }
    startTurn();
    return;
  }
  if (before === "turn") state.truth = truthBefore;
  byId("chart-block").hidden = false;
  state.position = Math.min(state.position, lastNow());
  render(true);
}

function act(action) {
  if (!turn || state.mode !== "turn" || !takeAction(turn, action)) return;
  if (turn.done) keepTally(turn);
  render();
  if (turn.done) byId("again").focus({ preventScroll: true });
}

function toggleTruth() {
  state.truth = !state.truth;
  render();
}

let toastTimer = null;

function toast(words_) {
  const node = byId("toast");
  node.textContent = words_;
  node.classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => node.classList.remove("shown"), 6000);
}

function followAddress() {
  const place = readAddress(location.hash);
  stop();
  if (state.mode === "turn" && place.mode !== "turn") state.truth = truthBefore;
  Object.assign(state, { image: place.image, search: place.search });
  state.position = place.position;
  setMode(place.mode);
  if (place.missing !== undefined) {
    toast(`Image ${place.missing} is not among the ${DATA.images.length} of this page.`);
  }
}
