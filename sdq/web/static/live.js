// What changes by itself: parts of the page, new pictures, the arrow keys, and buttons that copy. All else works
// without this script.

const root = new URL("../", import.meta.url);
const news = document.getElementById("news");
const connection = document.getElementById("connection");

document.documentElement.classList.add("script");

// Parts that somebody is in the middle of using wait here, by id.
const later = new Map();

function isInUse(part) {
  return part.contains(document.activeElement) || part.querySelector("details[open]") !== null;
}

function replace(id, html) {
  const part = document.getElementById(id);
  if (!part) return;
  if (isInUse(part)) {
    later.set(id, html);
    return;
  }
  later.delete(id);
  const heading = part.querySelector("h1")?.textContent;
  part.innerHTML = html;
  const said = part.querySelector("h1")?.textContent;
  if (heading && said && said !== heading) {
    news.textContent = said;
    document.title = `${said} · sdq`;
  }
}

function catchUp() {
  setTimeout(() => {
    for (const [id, html] of [...later]) replace(id, html);
  }, 200);
}
document.addEventListener("focusout", catchUp);
document.addEventListener("toggle", catchUp, true);

function element(html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  return template.content.firstElementChild;
}

function show(picture, fadesIn) {
  const card = element(picture.card);
  if (fadesIn) card.querySelector(".pick").classList.add("new");
  for (const list of document.querySelectorAll("[data-cards]")) {
    const isWanted = ["all", String(picture.batch)].includes(list.dataset.cards);
    if (!isWanted || document.getElementById(picture.key)) continue;
    list.prepend(card);
    list.closest("[hidden]")?.removeAttribute("hidden");
    document.querySelector(".empty")?.remove();
    // A page that is open for a night stays as small as it was.
    while (list.children.length > Number(list.dataset.most)) list.lastElementChild.remove();
  }
  const tile = document.getElementById(picture.key);
  if (tile?.querySelector(".blank")) {
    const drawn = card.querySelector(".pick");
    const hadFocus = tile.contains(document.activeElement);
    tile.replaceWith(drawn);
    if (hadFocus) drawn.querySelector("a").focus();
  }
}

// For the other scripts of a page, so that it has one connection.
function tell(name, detail) {
  document.dispatchEvent(new CustomEvent(`sdq:${name}`, { detail }));
}

// Where pictures come faster, they are there at once: a browser that fades one in paints sixty times a second, on the
// machine that draws.
const CALM_MS = 4000;
let shownAt = -CALM_MS;

function showAll(pictures) {
  const isCalm = pictures.length === 1 && performance.now() - shownAt > CALM_MS;
  shownAt = performance.now();
  for (const picture of pictures) show(picture, isCalm);
}

const events = new URL("events", root);
const batch = document.getElementById("main").dataset.batch;
if (batch) events.searchParams.set("batch", batch);
// Where every new picture is shown they come with the news; elsewhere few are, and the browser asks for these.
if (document.querySelector("[data-cards]")) events.searchParams.set("newest", "");
let source = null;

function open() {
  if (source) return;
  source = new EventSource(events);
  source.addEventListener("parts", (event) => {
    const parts = JSON.parse(event.data);
    for (const [id, html] of Object.entries(parts)) replace(id, html);
    // What workers have in hand changes no report.
    if (Object.keys(parts).some((id) => id !== "workers")) tell("news");
  });
  source.addEventListener("pictures", (event) => showAll(JSON.parse(event.data)));
  source.addEventListener("marks", (event) => tell("marks", JSON.parse(event.data)));
  source.addEventListener("open", () => {
    connection.hidden = false;
    connection.className = "connection live";
    connection.textContent = "live";
  });
  source.addEventListener("error", () => {
    connection.hidden = false;
    connection.className = "connection lost";
    connection.textContent = "not connected";
    if (source?.readyState === EventSource.CLOSED) {
      close();
      setTimeout(() => document.hidden || open(), 5000);
    }
  });
}

function close() {
  source?.close();
  source = null;
}

// A browser allows six connections to a host, and a page in the background needs none.
document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
window.addEventListener("pagehide", close);
window.addEventListener("pageshow", (event) => event.persisted && open());
if (!document.hidden && document.querySelector("[data-cards], [data-image], [id^='standing-'], .sheet, .blank, #night")) open();

document.addEventListener("keydown", (event) => {
  const isOurs = !(event.altKey || event.ctrlKey || event.metaKey || event.shiftKey);
  if (!isOurs || event.target.matches("input, textarea, select")) return;
  const link = document.querySelector(`a[data-key="${CSS.escape(event.key)}"]`);
  if (link) {
    event.preventDefault();
    link.click();
  }
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  }
});

document.addEventListener("click", async (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy).textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    news.textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
  }
  setTimeout(() => (button.textContent = "Copy"), 2000);
});
