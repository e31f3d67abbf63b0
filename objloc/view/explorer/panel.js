// What stands beside the photograph: figures, Q-values, the list of all searches.

const barRows = DATA.actions.map((action) => {
  const fill = element("span", { class: "fill" });
  const value = element("span", { class: "value" });
  const row = element(
    "li",
    { "data-action": action, title: meaningOf(action) },
    element("span", { class: "name" }, glyph(action), words(action)),
    element("span", { class: "track" }, element("span", { class: "zero" }), fill),
    value,
  );
  return { row, fill, value };
});
byId("bars").replaceChildren(...barRows.map((each) => each.row));
byId("bars").classList.toggle("many", barRows.length > 14);

const scales = new Map();

// The least and the greatest Q-value of a search, zero included: one scale for all its steps.
function scaleOf(search) {
  if (!scales.has(search)) {
    const values = search.steps.flatMap((step) => step.q_values).filter((value) => value !== null);
    scales.set(search, [Math.min(0, ...values), Math.max(0, ...values)]);
  }
  return scales.get(search);
}

function showBars(search, position) {
  const over = position === lastPosition(search);
  const step = search.steps[Math.min(position, search.steps.length - 1)];
  const [low, high] = scaleOf(search);
  const range = Math.max(high - low, 1e-9);
  byId("bars").classList.toggle("over", over);
  byId("bars").style.setProperty("--zero", `${(-100 * low) / range}%`);
  barRows.forEach(({ row, fill, value }, number) => {
    const q = step.q_values[number];
    const chosen = search.actions[number] === step.action;
    row.classList.toggle("chosen", chosen);
    if (chosen) row.setAttribute("aria-current", "step");
    else row.removeAttribute("aria-current");
    value.textContent = q === null ? "–" : q.toFixed(2).replace("-", "−");
    value.dataset.value = q;
    const length = q === null ? 0 : (100 * Math.abs(q)) / range;
    fill.style.width = `${length}%`;
    fill.style.left = `${(100 * (Math.min(q ?? 0, 0) - low)) / range}%`;
    row.setAttribute("aria-label", `${words(search.actions[number])}: ${value.textContent}${chosen ? ", chosen" : ""}`);
  });
}

// iou: null where it is kept from the player, undefined where there is nothing to overlap.
function showFigures(step, iou, reward) {
  byId("figure-step").replaceChildren(...step);
  const overlap = byId("figure-iou");
  overlap.textContent = iou === undefined ? "–" : iou === null ? "?" : fixed(iou);
  overlap.dataset.value = iou ?? "";
  overlap.style.setProperty("--share", iou ?? 0);
  const earned = byId("figure-reward");
  earned.textContent = reward === null ? "–" : signed(reward);
  earned.dataset.value = reward ?? "";
  earned.className = reward === null ? "" : reward > 0 ? "gain" : "loss";
}

function stepFigure(number, last) {
  return [String(number), element("small", { text: ` of ${last}` })];
}

function showWatchFigures(search, position) {
  const last = lastPosition(search);
  const over = position === last;
  const step = search.steps[position];
  const number = over ? [String(last), element("small", { text: ", the end" })] : stepFigure(position + 1, last);
  showFigures(number, search.present ? iouAt(search, position) : undefined, over ? null : step.reward);
}

function caption(search, position) {
  const step = search.steps[position];
  if (!step) return [element("b", { text: `${search.headline}.` }), ` ${search.sentence}`];
  const next = step.action === "trigger" ? "here it is!" : words(step.action);
  return ["Next: ", element("b", { text: next }), ` — ${meaningOf(step.action)}`];
}

// The searches of the image, to choose from.
function showChips(state, choose) {
  const image = DATA.images[state.image];
  const made = image.searches.map((search, number) => {
    const outcome = outcomeOf(search);
    const current = number === state.search && state.mode !== "together";
    const hidden = state.mode === "turn";
    const chip = element("button", {
      type: "button",
      class: `chip ${hidden ? "" : outcome}`,
      "aria-pressed": String(current),
      "data-search": search.key,
      disabled: state.mode === "turn" && !search.present,
      title: hidden ? null : search.headline,
      onclick: () => choose(number),
    }, search.key);
    if (!hidden) {
      chip.append(element("span", { class: "sign", "aria-hidden": "true", text: OUTCOMES[outcome].sign }));
      chip.append(element("span", { class: "unseen", text: `: ${OUTCOMES[outcome].words}` }));
    }
    return chip;
  });
  byId("searches").replaceChildren(...made);
}

function showList(state, choose) {
  const image = DATA.images[state.image];
  const rows = image.searches.map((search, number) => {
    const at = Math.min(state.position, lastPosition(search));
    const over = at === lastPosition(search);
    const outcome = outcomeOf(search);
    const told = over ? OUTCOMES[outcome].words : `next: ${words(search.steps[at].action)}`;
    const swatch = element("span", { class: "swatch" });
    swatch.style.setProperty("--colour", SERIES[number % SERIES.length]);
    const overlap = element("span", { class: "iou", text: search.present ? fixed(iouAt(search, at)) : "–" });
    overlap.dataset.value = iouAt(search, at);
    const button = element(
      "button",
      { type: "button", "data-search": search.key, class: over ? outcome : "", onclick: () => choose(number) },
      swatch,
      element("span", { class: "what" }, element("b", { text: search.key }), element("span", { text: told })),
      overlap,
      element("span", { class: "steps", text: over ? counted(lastPosition(search)) : `step ${at + 1}` }),
    );
    return element("li", {}, button);
  });
  byId("list").replaceChildren(...rows);
}
