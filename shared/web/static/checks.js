// Says beside a field what the server would say of it, before anything is sent: when somebody leaves a field that they
// changed, and when they send. Whatever is not surely wrong goes to the server, which has the last word.
//
//   form[data-checked] holds template[data-summary], the frame of what stands first when something is wrong
//   a field's data-empty and data-wrong are the words: for nothing in it, and for no address that mail could go to
"use strict";

const CLICK_MS = 250;
const ADDRESS = /\S@\S+[.。．｡]\S/u;

function faultOf(field) {
  const value = field.value.trim();
  if (!value) return field.dataset.empty;
  return field.dataset.wrong && !ADDRESS.test(value) ? field.dataset.wrong : "";
}

// As fields.html writes it, so that its own words of a page that came back are put right as well.
function sayBeside(field, fault) {
  const id = `error-${field.name}`;
  const described = new Set((field.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean));
  let line = document.getElementById(id);
  if (fault) {
    if (!line) {
      line = document.createElement("p");
      Object.assign(line, { id, className: "error" });
      field.before(line);
    }
    line.textContent = fault;
    described.add(id);
    field.setAttribute("aria-invalid", "true");
  } else {
    line?.remove();
    described.delete(id);
    field.removeAttribute("aria-invalid");
  }
  if (described.size) field.setAttribute("aria-describedby", [...described].join(" "));
  else field.removeAttribute("aria-describedby");
}

function summaryOf(form, faults) {
  const summary = form.querySelector("template[data-summary]").content.firstElementChild.cloneNode(true);
  faults.forEach(([field, fault]) => {
    const link = document.createElement("a");
    Object.assign(link, { href: `#${field.id}`, textContent: fault });
    link.addEventListener("click", (event) => {
      event.preventDefault();
      field.focus();
    });
    const item = document.createElement("li");
    item.append(link);
    summary.querySelector("ul").append(item);
  });
  return summary;
}

function checkForm(form) {
  const fields = [...form.querySelectorAll("[data-empty]")];
  const changed = new WeakSet();
  form.noValidate = true;
  fields.forEach((field) => {
    field.addEventListener("input", () => {
      changed.add(field);
      if (field.hasAttribute("aria-invalid") && !faultOf(field)) sayBeside(field, "");
    });
    // A field that somebody only passed by is no fault yet. And what they are about to click must not move away below
    // their finger: a line that comes in between would.
    field.addEventListener("blur", (event) => {
      if (changed.has(field) && event.relatedTarget?.type !== "submit") setTimeout(() => sayBeside(field, faultOf(field)), CLICK_MS);
    });
  });
  form.addEventListener("reset", () => {
    fields.forEach((field) => sayBeside(field, ""));
    form.querySelector(".error-summary")?.remove();
  });
  // On the way down, before anybody else takes the letter for sent.
  document.addEventListener("submit", (event) => {
    if (event.target !== form) return;
    const faults = fields.map((field) => [field, faultOf(field)]).filter(([, fault]) => fault);
    document.querySelector(".error-summary")?.remove();
    if (!faults.length) return;
    event.preventDefault();
    event.stopPropagation();
    faults.forEach(([field, fault]) => sayBeside(field, fault));
    const summary = summaryOf(form, faults);
    form.prepend(summary);
    summary.focus();
  }, true);
}

document.querySelectorAll("form[data-checked]").forEach(checkForm);
