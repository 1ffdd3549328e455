// Keeps the report as new as the ledger, part by part, and leaves alone what somebody is using.

const report = document.getElementById("night");
const news = document.getElementById("news");
const connection = document.getElementById("connection");
const EVERY_MS = 10000;

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

async function refresh() {
  if (document.hidden) return;
  let isLive = false;
  try {
    const answer = await fetch(report.dataset.part);
    isLive = answer.ok;
    if (isLive) show(await answer.text());
  } catch {
    // The server is away; it is asked again.
  }
  connection.hidden = false;
  connection.className = `connection ${isLive ? "live" : "lost"}`;
  connection.textContent = isLive ? "live" : "not connected";
}

document.addEventListener("visibilitychange", refresh);
setInterval(refresh, EVERY_MS);
refresh();
