// Two images in one place: a slider between them, or what differs. Without this script they stand side by side.

const shots = document.getElementById("shots");
const how = document.getElementById("how");
const pair = how.querySelector(".pair");
const wiper = shots.querySelector(".wiper");
const slider = wiper.querySelector("input");
const keys = document.getElementById("keys");
const steps = document.querySelectorAll(".steps a");
const VIEWS = ["beside", "slider", "difference"];

const chosen = (name, otherwise) => how.elements[name]?.value || otherwise;

function show() {
  const view = chosen("view", "beside");
  const sides = { left: chosen("left", "A"), right: chosen("right", "B") };
  for (const shot of shots.querySelectorAll(".shot")) {
    for (const side of ["left", "right"]) {
      shot.classList.toggle(side, shot.dataset.letter === sides[side]);
    }
  }
  const left = shots.querySelector(".left").querySelector("img, svg");
  const width = left.getAttribute("width") ?? left.viewBox.baseVal.width;
  const height = left.getAttribute("height") ?? left.viewBox.baseVal.height;
  shots.style.setProperty("--ratio", width / height);
  shots.dataset.view = view;
  wiper.hidden = view !== "slider";
  pair.hidden = view === "beside";
  keys.hidden = view === "beside";
  keys.textContent =
    view === "slider"
      ? "Drag the line, or move it with the arrow keys."
      : "Black is where both are the same. Differences are shown eight times as bright.";
  for (const link of steps) link.hash = view === "beside" ? "" : view;
  history.replaceState(null, "", view === "beside" ? location.pathname + location.search : `#${view}`);
}

const move = () => shots.style.setProperty("--at", `${slider.value}%`);
slider.addEventListener("input", move);
document.addEventListener("keydown", (event) => {
  const isOurs = !(event.altKey || event.ctrlKey || event.metaKey || event.shiftKey);
  if (!isOurs || event.target.matches("input:not([type='range'], [type='radio']), textarea, select")) return;
  const link = [...steps].find((each) => each.dataset.key === event.key);
  if (link) return link.click();
  const step = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
  if (!step || wiper.hidden || event.target.matches("input")) return;
  event.preventDefault();
  slider.value = Number(slider.value) + step;
  move();
});
how.addEventListener("change", show);
how.addEventListener("submit", (event) => event.preventDefault());

const asked = location.hash.slice(1);
if (VIEWS.includes(asked)) how.elements.view.value = asked;
how.hidden = false;
show();
