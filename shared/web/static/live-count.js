// Keeps the numbers of a case's page fresh: [data-count="/api/..."] holds [data-figure="name"].
// Asks more rarely the longer the page is open, not all at the same moment, and rests while nobody looks. When the
// answer says that the numbers rest, it stops, and the page says that its numbers are no longer the newest.
"use strict";

const FIRST_SECONDS = 10;
const LAST_SECONDS = 60;
const GROWTH = 1.2;
const SPREAD = 0.25;

const place = document.querySelector("[data-count]");
const paused = document.querySelector("[data-count-paused]");
// Latin digits, as everywhere on the page.
const format = new Intl.NumberFormat(`${document.documentElement.lang || "en"}-u-nu-latn`);

// True to go on asking.
async function refresh() {
  try {
    const answer = await fetch(place.dataset.count, { headers: { Accept: "application/json" } });
    if (!answer.ok) return answer.status >= 500; // Away or too full for a moment: the last numbers stay.
    const count = await answer.json();
    if (!count.live) return false;
    for (const figure of place.querySelectorAll("[data-figure]")) {
      const value = count[figure.dataset.figure];
      if (Number.isInteger(value)) figure.textContent = format.format(value);
    }
    return true;
  } catch {
    return true;
  }
}

async function look(seconds) {
  if (!document.hidden && !(await refresh())) {
    paused.hidden = false;
    return;
  }
  wait(Math.min(LAST_SECONDS, seconds * GROWTH));
}

function wait(seconds) {
  setTimeout(look, seconds * (1 - SPREAD * Math.random()) * 1000, seconds);
}

if (place) wait(FIRST_SECONDS);
