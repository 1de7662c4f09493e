// Fills the staff token in from the address's fragment, which no server and no log ever sees, and forgets it there.
"use strict";

function fillIn() {
  const field = document.querySelector("[data-login] input[name=token]");
  const token = decodeURIComponent(location.hash.slice(1));
  if (!field || !token) return;
  field.value = token;
  history.replaceState(null, "", location.pathname);
  field.form.querySelector("button").focus();
}

addEventListener("hashchange", fillIn);
fillIn();
