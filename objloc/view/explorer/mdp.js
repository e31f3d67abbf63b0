// The decision process: the same as objloc/mdp/action.py, reward.py and objloc/box.py, in
// float64 and in the same order of operations. A test compares them.

// The window after an action. What lies beyond the image is cut off; a window that would be
// too small or too slim stays as it is.
function moveBox(box, size, action, mdp) {
  const effect = DATA.effects[action]; // in units of the window's own sides
  const side = [box[2] - box[0], box[3] - box[1]];
  const moved = box.map((edge, k) =>
    Math.min(Math.max(edge + effect[k] * side[k % 2], 0), size[k % 2]));
  const wide = (moved[2] - moved[0]) / size[0];
  const high = (moved[3] - moved[1]) / size[1];
  const ratio = high / Math.max(wide, 1e-12);
  const allowed = Math.min(wide, high) >= mdp.min_side - 1e-9
    && ratio >= mdp.min_aspect_ratio - 1e-9
    && ratio <= mdp.max_aspect_ratio + 1e-9;
  return allowed ? moved : box.slice();
}

function areaOf(box) {
  return Math.max(box[2] - box[0], 0) * Math.max(box[3] - box[1], 0);
}

function iouOf(a, b) {
  const wide = Math.max(Math.min(a[2], b[2]) - Math.max(a[0], b[0]), 0);
  const high = Math.max(Math.min(a[3], b[3]) - Math.max(a[1], b[1]), 0);
  const shared = wide * high;
  const union = areaOf(a) + areaOf(b) - shared;
  return union > 0 ? shared / union : 0;
}

// IoU with the best-matching of some boxes; 0 where there is none.
function bestIou(box, objects) {
  return objects.reduce((best, object) => Math.max(best, iouOf(box, object)), 0);
}

// What a wrong trigger costs. A page made before that was a parameter of its own lacks it.
const triggerCost = (mdp) => mdp.trigger_cost ?? mdp.trigger_reward;

const IOU_OFFSET = 0.001; // added to an IoU before its logarithm

function rewardOf(action, before, after, mdp) {
  if (action === "trigger") {
    return after > mdp.trigger_iou ? mdp.trigger_reward : -triggerCost(mdp);
  }
  if (mdp.reward === "sign") return after > before ? 1 : -1;
  const worth = (iou) => (mdp.reward === "log" ? Math.log(iou + IOU_OFFSET) : iou);
  return Math.min(Math.max((worth(after) - worth(before)) * mdp.reward_scale, -1), 1);
}
