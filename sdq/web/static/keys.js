// Keys: from picture to picture, to select, mark and compare. What is selected is what the page shows as selected.

const root = new URL("../", import.meta.url);
const news = document.getElementById("news");
const help = document.getElementById("keys");
const chosen = document.getElementById("chosen");
const off = document.getElementById("keys-off");
const MOST = 4;
const OFF = "sdq-keys-off";

const tiles = () => [...document.querySelectorAll(".pick > .tile")].filter((tile) => tile.offsetParent && !tile.closest(".beside"));
const current = () => document.activeElement?.closest(".pick")?.querySelector(".tile");

function go(tile) {
  tile.focus({ preventScroll: true });
  tile.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function step(by) {
  const neighbour = document.querySelector(`a[data-key="${by > 0 ? "ArrowRight" : "ArrowLeft"}"]`);
  if (neighbour) return neighbour.click();
  const all = tiles();
  const at = all.indexOf(current());
  if (at < 0) {
    const first = all.find((tile) => tile.getBoundingClientRect().bottom > 80) ?? all[0];
    return first && go(first);
  }
  const next = all[at + by] ?? document.querySelector(`.pager a[rel="${by > 0 ? "next" : "prev"}"]`);
  if (next) go(next);
}

// The nearest one of the next row, whatever the widths of rows are.
function stepRow(by) {
  const from = current().getBoundingClientRect();
  const x = from.left + from.width / 2;
  let best = null;
  for (const tile of tiles()) {
    const at = tile.getBoundingClientRect();
    const down = by > 0 ? at.top - from.bottom : from.top - at.bottom;
    if (down < -1) continue;
    const far = [Math.round(down / 8), Math.abs(at.left + at.width / 2 - x)];
    if (!best || far[0] < best.far[0] || (far[0] === best.far[0] && far[1] < best.far[1])) best = { tile, far };
  }
  if (best) go(best.tile);
}

const selected = () => [...document.querySelectorAll(".pick.selected")];

function showSelected() {
  const ids = selected().map((pick) => pick.dataset.image);
  chosen.hidden = ids.length === 0;
  chosen.querySelector("[data-count]").textContent = `${ids.length} selected`;
  const link = chosen.querySelector("[data-compare]");
  link.hidden = ids.length < 2;
  link.href = new URL(`compare?images=${ids.join(",")}`, root).href;
}

function setSelected(pick, isSelected) {
  pick.classList.toggle("selected", isSelected);
  pick.querySelector("[data-selected]")?.remove();
  if (!isSelected) return;
  const said = Object.assign(document.createElement("span"), { className: "unseen", textContent: " selected" });
  said.dataset.selected = "";
  pick.querySelector(".tile").append(said);
}

function clear() {
  for (const pick of selected()) setSelected(pick, false);
  showSelected();
}

function select(pick) {
  if (!pick.dataset.image) {
    news.textContent = "Only a finished picture can be selected.";
  } else if (!pick.classList.contains("selected") && selected().length === MOST) {
    news.textContent = "Four are selected already.";
  } else {
    setSelected(pick, !pick.classList.contains("selected"));
    showSelected();
    const count = selected().length;
    news.textContent = count ? `${count} selected.` : "None is selected.";
  }
}

function compare() {
  if (selected().length > 1) chosen.querySelector("[data-compare]").click();
  else news.textContent = "Select two to four pictures with the space bar.";
}

function mark(name) {
  const place = document.activeElement?.closest(".pick") ?? document.querySelector(".own");
  place?.querySelector(`[data-mark="${name}"]`)?.click();
}

const ANYWHERE = {
  j: () => step(1),
  k: () => step(-1),
  f: () => mark("favourite"),
  x: () => mark("rejected"),
  c: compare,
  "?": () => help.showModal(),
};
const ON_A_PICTURE = {
  ArrowRight: () => step(1),
  ArrowLeft: () => step(-1),
  ArrowDown: () => stepRow(1),
  ArrowUp: () => stepRow(-1),
  " ": () => select(current().closest(".pick")),
};

document.addEventListener("keydown", (event) => {
  const isOurs = !(event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented || help.open);
  if (!isOurs || event.target.matches("input, textarea, select, [contenteditable]")) return;
  if (event.key === "Escape") return clear();
  const onPicture = event.target.matches(".pick > .tile") && !event.target.closest(".beside");
  const act = (!off.checked && ANYWHERE[event.key]) || (onPicture && ON_A_PICTURE[event.key]);
  if (!act) return;
  event.preventDefault();
  act();
});

// Who speaks to their machine, or types with one finger, may need the letters for something else.
off.checked = localStorage.getItem(OFF) !== null;
off.addEventListener("change", () => (off.checked ? localStorage.setItem(OFF, "1") : localStorage.removeItem(OFF)));
document.getElementById("show-keys").addEventListener("click", () => help.showModal());
chosen.querySelector("[data-clear]").addEventListener("click", clear);
