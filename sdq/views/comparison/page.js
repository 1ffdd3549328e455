// The slider, and the space key for the pair under the pointer. All else works without a script.
document.documentElement.classList.add("script");
document.addEventListener("input", (event) => {
  if (event.target.matches(".slider")) {
    event.target.closest(".pair").style.setProperty("--at", `${event.target.value}%`);
  }
});
document.addEventListener("keydown", (event) => {
  const pointed = document.querySelector(".flip:hover input");
  if (event.key === " " && pointed && !event.target.matches("input")) {
    event.preventDefault();
    pointed.checked = !pointed.checked;
  }
});
