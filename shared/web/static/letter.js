// Makes a letter the writer's own, and keeps it while it is written. All of it stays on this device. After w4r.js.
//
//   form[data-letter] has the fields subject and body, and
//     [data-meter]: says how much of the letter is theirs, in the words of its data-came, data-few, data-part, data-own
//     [data-forget]: a button for phones that several people use
//   form[data-draft="key"]: subject and body, never a name or an address, are kept in this tab for a day at most, or
//     until the receipt shows; with the text they began from, since the next visit may be served another variant
//   form[data-came-back="address"]: the words on the page are newer than any draft, and where none was kept, none is
//     begun; address is the page they began on
"use strict";

const DRAFT_MS_MAX = 24 * 60 * 60 * 1000;
const WORD = /[\p{L}\p{M}\p{N}]+/gu;
const PART = 0.1; // of all words
const OWN = 0.4;

function wordsOf(text) {
  return text.normalize("NFKC").toLowerCase().match(WORD) ?? [];
}

// Which of the meter's four words fits: a word counts as theirs when the start has no such word left over.
function levelOf(text, start) {
  const left = new Map();
  wordsOf(start).forEach((word) => left.set(word, (left.get(word) ?? 0) + 1));
  const words = wordsOf(text);
  const own = words.filter((word) => {
    const there = left.get(word) ?? 0;
    left.set(word, there - 1);
    return there <= 0;
  }).length;
  if (!own) return "came";
  return own < words.length * PART ? "few" : own < words.length * OWN ? "part" : "own";
}

function showMeter(body, meter, start) {
  let timer;
  let level = null;
  const show = () => {
    const now = levelOf(body.value, start());
    if (now !== level) meter.textContent = meter.dataset[now];
    level = now;
  };
  body.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, PAUSE_MS);
  });
  show();
  return () => { clearTimeout(timer); level = null; };
}

function readDraft(key) {
  try {
    const draft = JSON.parse(sessionStorage.getItem(key) || "null");
    if (draft && Date.now() - draft.at < DRAFT_MS_MAX) return draft;
    sessionStorage.removeItem(key);
  } catch {
    // A forbidden store costs the draft, never the letter.
  }
  return null;
}

function writeDraft(key, draft) {
  try {
    sessionStorage.setItem(key, JSON.stringify(draft));
  } catch {
    // So does a full one.
  }
}

function helpWith(form) {
  const [subject, body] = ["subject", "body"].map((name) => form.elements.namedItem(name));
  const meter = form.querySelector("[data-meter]");
  const forget = form.querySelector("[data-forget]");
  const key = form.dataset.draft && DRAFT_PREFIX + form.dataset.draft;
  const isBack = "cameBack" in form.dataset;
  const draft = key ? readDraft(key) : null;
  let start = draft ? draft.from : isBack ? null : body.defaultValue;

  if (draft && !isBack) {
    subject.value = draft.subject;
    body.value = draft.body;
    [subject, body].forEach((field) => field.dispatchEvent(new Event("input"))); // for who counts characters
  }
  if (key && start !== null) {
    const keep = () => writeDraft(key, { at: Date.now(), from: start, subject: subject.value, body: body.value });
    [subject, body].forEach((field) => field.addEventListener("input", keep));
    form.addEventListener("submit", keep);
  }
  let begin = () => {};
  if (start !== null) {
    meter.hidden = false;
    begin = showMeter(body, meter, () => start);
  }
  forget.hidden = false;
  forget.addEventListener("click", () => {
    forgetDrafts();
    if (isBack) return location.replace(form.dataset.cameBack);
    document.querySelectorAll("form").forEach((each) => each.reset());
    start = body.defaultValue;
    begin();
    meter.textContent = forget.dataset.done;
  });
}

document.querySelectorAll("form[data-letter]").forEach(helpWith);
