// IoU of every window as a curve over the steps, rewards as bars below; both can be scrubbed.

const CHART = { left: 30, right: 12, top: 8, high: 118, gap: 14, reward: 44, foot: 20 };
const chart = byId("chart");
let scrubTo = null;
let chartPlan = null;

function ticksOf(last) {
  const pitch = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((each) => last / each <= 8) ?? last;
  const ticks = [];
  for (let step = 1; step <= last; step += 1) if (step === 1 || step % pitch === 0) ticks.push(step);
  return ticks.filter((step) => step === 1 || pitch === 1 || step - 1 >= pitch / 2);
}

function text(x, y, words_, kind) {
  const node = drawn("text", { x, y, class: kind });
  node.textContent = words_;
  return node;
}

// plan: {series: [{name, values, kind, number, rewards}], last, position, scrub}
function drawChart(plan) {
  chartPlan = plan;
  const wide = chart.clientWidth;
  if (!wide) return;
  const rewards = plan.series.some((each) => each.rewards);
  const { left, right, top, high, gap, reward, foot } = CHART;
  const tall = top + high + (rewards ? gap + reward : 0) + foot;
  const pitch = (wide - left - right) / Math.max(plan.last, 1);
  const x = (position) => left + position * pitch;
  const y = (iou) => top + (1 - iou) * high;
  const svg = drawn("svg", { viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall, role: "img" });
  svg.setAttribute("aria-label", plan.series.map(described).join(" "));
  for (const level of [0, DATA.success_iou, 1]) {
    const kind = level === DATA.success_iou ? "grid threshold" : "grid";
    svg.append(drawn("line", { x1: left, x2: wide - right, y1: y(level), y2: y(level), class: kind }));
    svg.append(text(left - 7, y(level) + 3.5, String(level), "scale"));
  }
  for (const step of ticksOf(plan.last)) svg.append(text(x(step - 1), tall - 5, String(step), "tick"));
  if (rewards) svg.append(rewardBars(plan, x, pitch, top + high + gap, wide - right));
  svg.append(drawn("line", { x1: x(plan.position), x2: x(plan.position), y1: top - 4, y2: tall - foot + 2, class: "cursor" }));
  for (const series of plan.series) svg.append(curve(series, plan.position, x, y));
  chart.replaceChildren(svg);
  chart.classList.toggle("scrubs", Boolean(plan.scrub));
  scrubTo = (clientX) => {
    const place = (clientX - chart.getBoundingClientRect().left - left) / pitch;
    plan.scrub?.(Math.min(Math.max(Math.round(place), 0), plan.last));
  };
}

function described({ name, values }) {
  const best = Math.max(...values);
  return `IoU of ${name} over ${values.length} windows: from ${fixed(values[0])} to ${fixed(values.at(-1))}, at best ${fixed(best)}.`;
}

function curve(series, position, x, y) {
  const group = drawn("g", { class: `curve ${series.kind}` });
  if (series.number !== undefined) {
    group.style.setProperty("--dark", SERIES[series.number % SERIES.length]);
    group.style.setProperty("--paper", SERIES_PAPER[series.number % SERIES.length]);
  }
  const points = series.values.map((iou, at) => `${x(at).toFixed(1)},${y(iou).toFixed(1)}`);
  group.append(drawn("polyline", { points: points.join(" "), class: "whole" }));
  const at = Math.min(position, series.values.length - 1);
  group.append(drawn("polyline", { points: points.slice(0, at + 1).join(" "), class: "past" }));
  group.append(drawn("circle", { cx: x(at), cy: y(series.values[at]), r: 4.5 }));
  return group;
}

function rewardBars(plan, x, pitch, top, right) {
  const group = drawn("g", { class: "rewards" });
  const middle = top + CHART.reward / 2;
  const most = Math.max(DATA.mdp.trigger_reward, triggerCost(DATA.mdp), 1);
  group.append(drawn("line", { x1: CHART.left, x2: right, y1: middle, y2: middle, class: "grid" }));
  for (const sign of [1, -1]) {
    group.append(text(CHART.left - 7, middle - (sign * CHART.reward) / 2 + 4, signed(sign * most), "scale"));
  }
  const thick = Math.max(Math.min(pitch * 0.6, 9), 1.5);
  for (const { rewards, kind } of plan.series) {
    (rewards ?? []).forEach((reward, at) => {
      const length = (Math.abs(reward) / most) * (CHART.reward / 2);
      const past = at <= plan.position ? "past" : "";
      group.append(drawn("rect", {
        x: x(at) - thick / 2, y: reward > 0 ? middle - length : middle, width: thick, height: length, rx: 1,
        class: `${reward > 0 ? "gain" : "loss"} ${past} ${kind}`,
      }));
    });
  }
  return group;
}

new ResizeObserver(() => chartPlan && drawChart(chartPlan)).observe(chart);
chart.addEventListener("pointerdown", (event) => {
  if (!chartPlan?.scrub) return;
  chart.setPointerCapture(event.pointerId);
  scrubTo(event.clientX);
});
chart.addEventListener("pointermove", (event) => {
  if (chart.hasPointerCapture(event.pointerId)) scrubTo(event.clientX);
});

const rewardsOf = (search) => search.steps.map((step) => step.reward);

function iousOf(search) {
  return [...search.steps.map((step) => step.iou), search.final_iou];
}

function watchPlan(state, scrub) {
  const search = DATA.images[state.image].searches[state.search];
  const series = [{ name: "the agent", values: iousOf(search), kind: "agent", rewards: rewardsOf(search) }];
  return { series, last: lastPosition(search), position: state.position, scrub };
}

function togetherPlan(state, scrub) {
  const series = [];
  let last = 1;
  DATA.images[state.image].searches.forEach((search, number) => {
    last = Math.max(last, lastPosition(search));
    if (search.present) series.push({ name: search.key, values: iousOf(search), kind: "series", number });
  });
  return { series, last, position: state.position, scrub };
}

function turnPlan(state, turn) {
  const search = DATA.images[state.image].searches[state.search];
  const series = [{ name: "you", values: turn.ious, kind: "you" }];
  if (turn.done) series.unshift({ name: "the agent", values: iousOf(search), kind: "agent" });
  const last = Math.max(...series.map((each) => each.values.length - 1), 1);
  return { series, last, position: last, scrub: null };
}
