// Sends a letter again that could not be taken: after the wait that the server asks for, longer each time, a few times.
// The page itself stays, whatever is away meanwhile, and so does every word on it. [data-said] brings the words to say.
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
  const when = minutes <= 90 ? [minutes, "minute"] : [Math.ceil(minutes / 60), "hour"];
  say(said.dataset.later);
  // Latin digits, as everywhere on the page.
  countdown.textContent = new Intl.RelativeTimeFormat(`${document.documentElement.lang}-u-nu-latn`).format(...when);
}

// A crowd that was refused together must not come back together: up to half as long again, by chance.
function waitFor(seconds) {
  if (seconds > PATIENCE_SECONDS_MAX) return later(seconds);
  const growing = Math.max(seconds, Math.min(WAIT_SECONDS_MAX, Math.max(1, seconds) * 2 ** tries));
  let left = Math.ceil(growing * (1 + Math.random() / 2));
  say(said.dataset.waiting);
  const tick = () => {
    if (left <= 0) return send();
    countdown.textContent = `${left} s (${tries + 1} / ${TRIES_MAX})`;
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
  say(said.dataset.sending);
  const answer = await ask();
  button.disabled = false;
  if (answer?.redirected) return location.replace(answer.url);
  // What a person has to decide, such as a case that has closed, is shown by the server's own page, words and all.
  if (answer && !FOR_NOW.includes(answer.status)) return form.submit();
  tries += 1;
  if (tries < TRIES_MAX) return waitFor(Number(answer?.headers.get("Retry-After")) || Number(form.dataset.wait));
  say(said.dataset.stopped);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
waitFor(Number(form.dataset.wait));
