// Asks now and then whether a letter came further, and shows the page anew when one did.
// The words stay the server's own; asking grows rarer with time, and rests while nobody looks.
"use strict";

const FIRST_SECONDS = 2;
const LAST_SECONDS = 60;
const GROWTH = 1.3;

const receipt = document.querySelector("[data-receipt]");
const shown = new Map(
  Array.from(receipt.querySelectorAll("[data-letter]"), (letter) => [letter.dataset.letter, letter.dataset.state]),
);

async function isNews() {
  try {
    const answer = await fetch(receipt.dataset.receipt, { headers: { Accept: "application/json" }, cache: "no-store" });
    if (!answer.ok) return false;
    const { letters } = await answer.json();
    return letters.some((letter) => shown.get(letter.id) !== letter.state);
  } catch {
    return false; // Away for a moment: the page says what was true last.
  }
}

async function look(waitSeconds) {
  if (!document.hidden && (await isNews())) {
    location.reload();
    return;
  }
  setTimeout(look, waitSeconds * 1000, Math.min(LAST_SECONDS, waitSeconds * GROWTH));
}

setTimeout(look, FIRST_SECONDS * 1000, FIRST_SECONDS);
