// Sends a letter again that could not be taken: after the wait that the server asks for, longer each time, a few times.
// The page itself stays, whatever is away meanwhile, and so does every word on it.
"use strict";

const TRIES_MAX = 8;
const WAIT_SECONDS_MAX = 60;
const PATIENCE_SECONDS_MAX = 120; // Nobody watches a page for longer: whoever is asked to is told when to come back.
const ANSWER_SECONDS_MAX = 20;
const FOR_NOW = [408, 429, 502, 503, 504];

const form = document.querySelector("form[data-resend]");
const button = form.querySelector("button");
const said = form.querySelector("[data-said]");
const countdown = form.querySelector("[data-countdown]");
let tries = 0;
let timer;

function say(words) {
  countdown.textContent = "";
  said.textContent = words;
}

function later(seconds) {
  const minutes = Math.ceil(seconds / 60);
  const when = minutes <= 90 ? `about ${minutes} minutes` : `about ${Math.ceil(minutes / 60)} hours`;
  say(`It cannot be taken now, and is not sent by itself any more. Please press the button in ${when}. Your words are safe here.`);
}

// A crowd that was refused together must not come back together: up to half as long again, by chance.
function waitFor(seconds) {
  if (seconds > PATIENCE_SECONDS_MAX) return later(seconds);
  const growing = Math.max(seconds, Math.min(WAIT_SECONDS_MAX, Math.max(1, seconds) * 2 ** tries));
  let left = Math.ceil(growing * (1 + Math.random() / 2));
  say("It will be sent again by itself. You need not do anything.");
  const tick = () => {
    if (left <= 0) return send();
    countdown.textContent = `In ${left} s (try ${tries + 1} of ${TRIES_MAX})`;
    left -= 1;
    timer = setTimeout(tick, 1000);
  };
  tick();
}

async function ask() {
  try {
    return await fetch(form.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { Accept: "application/json" },
      signal: AbortSignal.timeout(ANSWER_SECONDS_MAX * 1000),
    });
  } catch {
    return null; // The line is down, or nobody answers: as good as "not now".
  }
}

async function send() {
  clearTimeout(timer);
  button.disabled = true;
  say("Sending it now.");
  const answer = await ask();
  button.disabled = false;
  if (answer?.redirected) return location.replace(answer.url);
  // What a person has to decide, such as a case that has closed, is shown by the server's own page, words and all.
  if (answer && !FOR_NOW.includes(answer.status)) return form.submit();
  tries += 1;
  if (tries < TRIES_MAX) return waitFor(Number(answer?.headers.get("Retry-After")) || Number(form.dataset.wait));
  say("It is still too full, and we have stopped trying by ourselves. Your words are safe here: press the button when you like.");
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
waitFor(Number(form.dataset.wait));
