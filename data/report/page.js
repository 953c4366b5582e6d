// Stops and starts the skeletons; whoever asked for less motion sees them stand.
const drawings = [...document.querySelectorAll("svg.person")];
const button = document.getElementById("motion");
let moving = !matchMedia("(prefers-reduced-motion: reduce)").matches;
function apply() {
  for (const drawing of drawings) moving ? drawing.unpauseAnimations() : drawing.pauseAnimations();
  button.textContent = moving ? "Stop the skeletons" : "Move the skeletons";
}
button.hidden = drawings.length === 0;
button.addEventListener("click", () => { moving = !moving; apply(); });
apply();
