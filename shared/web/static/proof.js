// The proof of work that a form brings along, in ALTCHA's first protocol: find the number whose SHA-256, written after
// the salt, is the challenge. It begins when somebody begins to write, and is done long before they send. There is
// nothing to click, nothing to solve and nothing to see. docs/decisions/proof-of-work.md tells why.
//
//   form[data-proof="/api/..."] holds input[name=proof] for it and [data-proof-said], a polite live region
//   that brings the words for it: data-working, data-done, data-sending, data-button
"use strict";

const SLICE_MS = 8; // then the page gets its turn: nobody feels it while they type
const NUMBERS_BETWEEN_LOOKS = 128;
const RENEW_AFTER_MS = 10 * 60 * 1000; // half of the time the server gives
const ANSWER_MS_MAX = 8000;
const TRIES_MAX = 2;

// FIPS 180-4, section 4.2.2.
const K = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);
const H = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
const schedule = new Int32Array(64);

function compress(hash, view, offset) {
  const w = schedule;
  for (let i = 0; i < 16; i++) w[i] = view.getInt32(offset + i * 4);
  for (let i = 16; i < 64; i++) {
    const early = w[i - 15];
    const late = w[i - 2];
    const s0 = ((early >>> 7) | (early << 25)) ^ ((early >>> 18) | (early << 14)) ^ (early >>> 3);
    const s1 = ((late >>> 17) | (late << 15)) ^ ((late >>> 19) | (late << 13)) ^ (late >>> 10);
    w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = hash;
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => { hash[i] += word; });
}

// The browser's own SHA-256 exists only on https and localhost, and a call of it costs more than these few bytes do.
function hasherAfter(salt) {
  const prefix = new TextEncoder().encode(salt);
  const bytes = new Uint8Array(Math.ceil((prefix.length + 16 + 9) / 64) * 64);
  const view = new DataView(bytes.buffer);
  const hash = new Int32Array(8);
  bytes.set(prefix);
  return (number) => {
    const digits = String(number);
    let length = prefix.length;
    for (let i = 0; i < digits.length; i++) bytes[length++] = digits.charCodeAt(i);
    const blocks = Math.ceil((length + 9) / 64);
    bytes.fill(0, length);
    bytes[length] = 0x80;
    view.setUint32(blocks * 64 - 4, length * 8);
    hash.set(H);
    for (let block = 0; block < blocks; block++) compress(hash, view, block * 64);
    return hash;
  };
}

// A message to oneself: unlike a timer, it is not held back to once a second while another tab is looked at.
function turn() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

async function findNumber({ challenge, salt, maxnumber }) {
  const wanted = new Int32Array(8).map((_, i) => parseInt(challenge.slice(i * 8, i * 8 + 8), 16));
  const hashOf = hasherAfter(salt);
  let sliceEnds = performance.now() + SLICE_MS;
  for (let number = 0; number <= maxnumber; number++) {
    const hash = hashOf(number);
    if (hash[0] === wanted[0] && hash.every((word, i) => word === wanted[i])) return number;
    if (number % NUMBERS_BETWEEN_LOOKS === 0 && performance.now() > sliceEnds) {
      await turn();
      sliceEnds = performance.now() + SLICE_MS;
    }
  }
  return null;
}

async function fetchChallenge(address) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), ANSWER_MS_MAX);
  try {
    const answer = await fetch(address, { cache: "no-store", signal: patience.signal });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

// The proof, or nothing where none can be had: then the letter goes without, and the server says what follows.
async function prove(address) {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const asked = await fetchChallenge(address);
    if (!asked) continue;
    const number = await findNumber(asked);
    const { algorithm, challenge, salt, signature } = asked;
    if (number !== null) return btoa(JSON.stringify({ algorithm, challenge, number, salt, signature }));
  }
  return "";
}

// What a button says by its value, a form that is sent by a script would forget.
function carry(form, button) {
  if (!button.name) return;
  const value = document.createElement("input");
  Object.assign(value, { type: "hidden", name: button.name, value: button.value });
  form.append(value);
}

function proveWith(form) {
  const field = form.elements.namedItem("proof");
  const said = form.querySelector("[data-proof-said]");
  let button = form.querySelector("button[type=submit]");
  let buttonWords = button.textContent;
  let proving = null;
  let begunAt = 0;
  let isSending = false;

  const isOld = () => Date.now() - begunAt > RENEW_AFTER_MS;

  const finish = (proof) => {
    field.value = proof;
    said.textContent = proof ? said.dataset.done : "";
    if (!proof) proving = null; // The line may be back when they send.
  };

  const begin = () => {
    if (proving && !isOld()) return proving;
    begunAt = Date.now();
    field.value = "";
    said.textContent = said.dataset.working;
    proving = prove(form.dataset.proof).then(finish);
    return proving;
  };

  const forget = () => {
    proving = null;
    begunAt = 0;
    isSending = false;
    field.value = said.textContent = "";
    button.textContent = buttonWords;
  };

  form.addEventListener("focusin", begin);
  form.addEventListener("submit", async (event) => {
    if (field.value && !isOld()) return;
    event.preventDefault();
    if (isSending) return;
    isSending = true;
    button = event.submitter ?? button;
    buttonWords = button.textContent;
    carry(form, button);
    const ready = begin();
    said.textContent = said.dataset.sending;
    button.textContent = said.dataset.button;
    await ready;
    form.submit();
  });
  // Whoever comes back by the browser's own button writes another letter, and a proof counts for one.
  window.addEventListener("pageshow", (event) => event.persisted && forget());
}

document.querySelectorAll("form[data-proof]").forEach(proveWith);
