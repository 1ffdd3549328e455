// Keeps the report as new as the ledger, part by part, and leaves alone what somebody is using.

const report = document.getElementById("night");
const news = document.getElementById("news");

function isInUse(part) {
  return part.contains(document.activeElement) || (!getSelection().isCollapsed && getSelection().containsNode(part, true));
}

function show(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  for (const fresh of template.content.querySelectorAll("[id^='night-']")) {
    const part = document.getElementById(fresh.id);
    // Compared as text: the browser writes both in the same way.
    if (!part || part.innerHTML === fresh.innerHTML || isInUse(part)) continue;
    const heading = part.querySelector("h1")?.textContent;
    part.innerHTML = fresh.innerHTML;
    const said = part.querySelector("h1")?.textContent;
    if (said && said !== heading) {
      news.textContent = said;
      document.title = `${said} · sdq`;
    }
  }
}

// The report is asked for when there are news, at most as often as the server makes one, and again if the one that came
// is older than they are.
let newsAt = 0;
let staleAt = 0;
let asking = null;

function ask() {
  asking ??= setTimeout(refresh, Math.max(0, staleAt - performance.now()));
}

async function refresh() {
  const askedAt = performance.now();
  const answer = await fetch(report.dataset.part).catch(() => null);
  asking = null;
  if (!answer?.ok) return; // live.js says when the server is away, and there are news when it is back
  show(await answer.text());
  const seconds = (name) => Number(answer.headers.get(name)) * 1000;
  staleAt = askedAt + seconds("retry-after");
  if (askedAt - seconds("age") < newsAt) ask();
}

document.addEventListener("sdq:news", () => {
  newsAt = performance.now();
  ask();
});
