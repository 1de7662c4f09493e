// Keeps the numbers of a case's page fresh: [data-count="/api/..."] holds [data-figure="name"].
// Listens for them where the server has room, and otherwise asks: more rarely the longer the page is open, and not all
// at the same moment. Rests while nobody looks. When the numbers rest, it stops, and the page says that its numbers are
// no longer the newest.
"use strict";

const FIRST_SECONDS = 10;
const LAST_SECONDS = 60;
const GROWTH = 1.2;
const SPREAD = 0.25;

const place = document.querySelector("[data-count]");
const paused = document.querySelector("[data-count-paused]");
// Latin digits, as everywhere on the page.
const format = new Intl.NumberFormat(`${document.documentElement.lang || "en"}-u-nu-latn`);
let stream = null;
let wasListening = false;

// True while there are numbers to show.
function show(count) {
  for (const figure of place.querySelectorAll("[data-figure]")) {
    const value = count[figure.dataset.figure];
    if (Number.isInteger(value)) figure.textContent = format.format(value);
  }
  paused.hidden = count.live;
  return count.live;
}

function listen() {
  stream = new EventSource(`${place.dataset.count}/stream`);
  stream.onmessage = (event) => {
    if (!show(JSON.parse(event.data))) stop();
  };
  // A stream that ended comes again by itself. One that was refused does not: then we ask.
  stream.onerror = () => {
    if (stream?.readyState !== EventSource.CLOSED) return;
    stop();
    wait(FIRST_SECONDS);
  };
}

function stop() {
  stream?.close();
  stream = null;
}

// True to go on asking.
async function refresh() {
  try {
    const answer = await fetch(place.dataset.count, { headers: { Accept: "application/json" } });
    if (!answer.ok) return answer.status >= 500; // Away or too full for a moment: the last numbers stay.
    return show(await answer.json());
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

function begin() {
  if (!window.EventSource) return wait(FIRST_SECONDS);
  // A browser has six connections to a site: tabs that nobody looks at must not hold them.
  wasListening = document.hidden;
  if (!document.hidden) listen();
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && wasListening) listen();
    else if (document.hidden) {
      wasListening = stream !== null;
      stop();
    }
  });
}

// Those who only pass by are gone by then.
if (place) setTimeout(begin, FIRST_SECONDS * (1 - SPREAD * Math.random()) * 500);
