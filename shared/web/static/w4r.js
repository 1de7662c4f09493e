// What makes a page nicer where scripts run. Every page works without it.
//
//   textarea[data-count]: how many characters are left
//   form[data-draft="key"]: the letter's words are kept in this tab until the receipt shows
//   a[data-leave]: away, with no way back to this page, and no draft left behind
//   form[data-once]: a second click on the way does nothing
"use strict";

const DRAFT_PREFIX = "letter:";

function countCharacters(area) {
  const counter = document.createElement("span");
  counter.className = "count";
  area.after(counter);
  const show = () => {
    counter.textContent = `${area.value.length} / ${area.maxLength}`;
  };
  area.addEventListener("input", show);
  show();
}

// Only the letter's own words: never a name or an address.
function keepDraft(form) {
  const key = DRAFT_PREFIX + form.dataset.draft;
  const fields = ["subject", "body"].map((name) => form.elements.namedItem(name));
  try {
    const draft = JSON.parse(sessionStorage.getItem(key) || "null");
    if (draft) fields.forEach((field) => { field.value = draft[field.name] ?? field.value; });
  } catch {
    return;
  }
  form.addEventListener("input", () => {
    try {
      sessionStorage.setItem(key, JSON.stringify(Object.fromEntries(fields.map((field) => [field.name, field.value]))));
    } catch {
      // A full or forbidden store costs the draft, never the letter.
    }
  });
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
document.querySelectorAll("form[data-draft]").forEach(keepDraft);
document.querySelectorAll("textarea[data-count]").forEach(countCharacters);
document.querySelectorAll("form[data-once]").forEach(sendOnce);
document.querySelectorAll("a[data-leave]").forEach(leaveAtOnce);
