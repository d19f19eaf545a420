// Copying, on the pages of administration. A button is shown only where this runs; the pages are complete without it.
"use strict";

const buttons = document.querySelectorAll("button.copy");

for (const button of buttons) {
  const field = button.previousElementSibling;
  const said = button.nextElementSibling; // a live region, so it is read out, too

  button.addEventListener("click", async () => {
    for (const each of buttons) each.nextElementSibling.textContent = "";
    try {
      await navigator.clipboard.writeText(field.value ?? field.textContent);
      said.textContent = button.dataset.copied;
    } catch {
      // There is no clipboard outside a secure context, and browsers may say no. What is selected is one key away.
      field.focus();
      if (field.select) field.select();
      else getSelection().selectAllChildren(field);
      said.textContent = button.dataset.selected;
    }
  });
  button.hidden = false;
}
