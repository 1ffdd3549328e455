// Files that are dropped on the form, their names, and buttons that are pressed once. All else works without it.

document.documentElement.classList.add("script");

const zone = document.querySelector("[data-drop]");
const chosen = document.querySelector("[data-chosen]");
const input = document.getElementById("files");

function tell() {
  const names = [...input.files].map((file) => file.name);
  const more = names.length > 6 ? ` and ${names.length - 6} more` : "";
  chosen.textContent = names.slice(0, 6).join(", ") + more;
}

if (zone) {
  input.addEventListener("change", tell);
  for (const name of ["dragenter", "dragover"]) {
    zone.addEventListener(name, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    const files = new DataTransfer();
    for (const file of [...input.files, ...event.dataTransfer.files]) files.items.add(file);
    input.files = files.files;
    tell();
  });
}

for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", (event) => {
    const button = form.querySelector("[data-send]");
    if (!button) return;
    if (button.dataset.busy) event.preventDefault();
    button.dataset.busy = "1";
  });
}
// The page as it is kept for the back button has no button that is busy.
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("[data-busy]")) delete button.dataset.busy;
});
