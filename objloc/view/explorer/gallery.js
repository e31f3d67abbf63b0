// The images to pick from, and which of them are shown.

const strip = byId("strip");
const thumbs = [];

function buildGallery(choose, refine) {
  DATA.images.forEach((image, number) => {
    const present = image.searches.filter((search) => search.present);
    const signs = (present.length ? present : image.searches).map((search) => {
      const outcome = outcomeOf(search);
      return element("i", { class: outcome, text: OUTCOMES[outcome].sign });
    });
    const told = image.searches.map((search) => `${search.key} ${OUTCOMES[outcomeOf(search)].words}`);
    const picture = element("img", { alt: "", loading: "lazy", decoding: "async", draggable: "false" });
    picture.src = `data:image/jpeg;base64,${PHOTOGRAPHS[image.id]}`;
    const thumb = element(
      "button",
      {
        type: "button",
        class: "thumb",
        tabindex: "-1",
        "aria-label": `${image.id}: ${told.join(", ")}`,
        title: image.id,
        "data-image": image.id,
        onclick: () => choose(number),
      },
      picture,
      element("span", { class: "signs", "aria-hidden": "true" }, ...signs),
    );
    thumbs.push(thumb);
  });
  strip.replaceChildren(...thumbs);
  const select = byId("filter-category");
  for (const category of DATA.categories) select.append(element("option", { value: category, text: category }));
  for (const each of [select, byId("filter-outcome")]) each.addEventListener("change", refine);
  strip.addEventListener("keydown", (event) => moveInStrip(event, choose));
  strip.addEventListener("wheel", (event) => {
    if (Math.abs(event.deltaY) <= Math.abs(event.deltaX) || strip.scrollWidth <= strip.clientWidth) return;
    strip.scrollLeft += event.deltaY;
    event.preventDefault();
  }, { passive: false });
}

// The searches of an image that the filters let through; their numbers.
function passing(image) {
  const outcome = byId("filter-outcome").value;
  const category = byId("filter-category").value;
  return image.searches
    .map((search, number) => ({ search, number }))
    .filter(({ search }) => (!outcome || outcomeOf(search) === outcome) && (!category || search.category === category))
    .map(({ number }) => number);
}

function shownImages() {
  return DATA.images.map((_, number) => number).filter((number) => passing(DATA.images[number]).length > 0);
}

function filterGallery() {
  const shown = new Set(shownImages());
  thumbs.forEach((thumb, number) => {
    thumb.hidden = !shown.has(number);
  });
  byId("count").textContent = `${shown.size} of ${DATA.images.length}`;
  return shown;
}

let marked = null;

function markThumb(number) {
  if (marked === number) return;
  const first = marked === null;
  marked = number;
  thumbs.forEach((thumb, at) => {
    thumb.tabIndex = at === number ? 0 : -1;
    if (at === number) thumb.setAttribute("aria-current", "true");
    else thumb.removeAttribute("aria-current");
  });
  // Not scrollIntoView, which would move the page as well.
  const thumb = thumbs[number];
  const left = thumb.offsetLeft - (strip.clientWidth - thumb.clientWidth) / 2;
  strip.scrollTo({ left, behavior: first || calm.matches ? "auto" : "smooth" });
}

// The image before or after another among those shown.
function neighbour(number, by) {
  const shown = shownImages();
  if (!shown.length) return number;
  const at = shown.indexOf(number);
  if (at < 0) return shown[0];
  return shown[(at + by + shown.length) % shown.length];
}

function moveInStrip(event, choose) {
  const moves = { ArrowRight: 1, ArrowLeft: -1 };
  const shown = shownImages();
  let to = null;
  if (event.key in moves) to = neighbour(marked, moves[event.key]);
  else if (event.key === "Home") [to] = shown;
  else if (event.key === "End") to = shown.at(-1);
  if (to === null || to === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  choose(to);
  thumbs[to].focus({ preventScroll: true });
}
