// Marks without a new page. The buttons belong to a form, which does the same without this script.

const news = document.getElementById("news");
const SAID = { favourite: "Favourite.", rejected: "Rejected.", "": "No mark." };
const ACTIONS = { favourite: "favourite", rejected: "reject" };

function show(image, mark) {
  for (const place of document.querySelectorAll(`[data-image="${CSS.escape(image)}"]`)) {
    for (const one of ["favourite", "rejected"]) place.classList.toggle(one, one === mark);
    const said = place.querySelector("[data-said]");
    if (said) said.textContent = mark && `, ${mark}`;
    for (const button of place.querySelectorAll("[data-mark]")) {
      const isIt = button.dataset.mark === mark;
      button.setAttribute("aria-pressed", isIt);
      button.formAction = new URL(isIt ? "unmark" : ACTIONS[button.dataset.mark], button.formAction).href;
    }
  }
}

// Made in other windows, or by other people.
document.addEventListener("sdq:marks", (event) => {
  for (const [image, mark] of Object.entries(event.detail)) show(image, mark);
});

document.addEventListener("submit", async (event) => {
  const button = event.submitter;
  if (event.target.id !== "marks" || !button) return;
  event.preventDefault();
  const address = button.formAction;
  const mark = button.getAttribute("aria-pressed") === "true" ? "" : button.dataset.mark;
  show(button.closest("[data-image]").dataset.image, mark);
  news.textContent = SAID[mark];
  const answer = await fetch(address, { method: "POST" }).catch(() => null);
  if (answer?.ok) return;
  // As without this script, which shows what is wrong.
  event.target.action = address;
  event.target.submit();
});
