// What makes a page nicer where scripts run. Every page works without it.
//
//   [data-limit="words"]: near its maxlength, how many characters are left
//   a[data-leave]: away, with no way back to this page, and no draft left behind
//   form[data-once]: a second click on the way does nothing
//
// letter.js keeps drafts; they end here, on the page that comes after a letter was taken.
"use strict";

const DRAFT_PREFIX = "letter:";
const NEAR = 0.9;
const PAUSE_MS = 600; // after the last key, so that nothing is read aloud while somebody types

function countCharacters(field) {
  const counter = document.createElement("span");
  counter.className = "count";
  counter.setAttribute("role", "status");
  field.after(counter);
  let timer;
  const show = () => {
    const isNear = field.value.length >= field.maxLength * NEAR;
    counter.textContent = isNear ? `${field.dataset.limit}: ${field.maxLength - field.value.length}` : "";
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, PAUSE_MS);
  });
  field.form.addEventListener("reset", () => setTimeout(show));
  show();
}

function forgetDrafts() {
  try {
    Object.keys(sessionStorage).filter((key) => key.startsWith(DRAFT_PREFIX)).forEach((key) => sessionStorage.removeItem(key));
  } catch {
    // Nothing was kept.
  }
}

function sendOnce(form) {
  const buttons = () => form.querySelectorAll("button");
  form.addEventListener("submit", () => setTimeout(() => buttons().forEach((button) => { button.disabled = true; })));
  // Coming back by the browser's own button shows the form as it was left: alive again.
  window.addEventListener("pageshow", () => buttons().forEach((button) => { button.disabled = false; }));
}

// The page they came to is gone from the tab's history: the back button leads past it.
function leaveAtOnce(link) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    forgetDrafts();
    location.replace(link.href);
  });
}

if (/^(\/[a-z]{2})?\/receipts\//.test(location.pathname)) forgetDrafts();
document.querySelectorAll("[data-limit]").forEach(countCharacters);
document.querySelectorAll("form[data-once]").forEach(sendOnce);
document.querySelectorAll("a[data-leave]").forEach(leaveAtOnce);
