// Copies an address where the browser lets it. Without it, the address stands there to be copied by hand.
"use strict";

const button = document.querySelector("[data-copy]");
const said = document.querySelector("[data-copied]");

async function copy() {
  const field = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(field.value);
    said.textContent = said.dataset.copied;
  } catch {
    field.select(); // Not allowed: one keystroke is left to do.
  }
}

if (button && navigator.clipboard) {
  button.hidden = false;
  button.addEventListener("click", copy);
}
