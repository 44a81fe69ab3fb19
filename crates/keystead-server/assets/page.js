// What a page can do more with scripts than without: show a password, see at once which rules it keeps, send a form once.
(function () {
  "use strict";

  document.querySelectorAll("[data-reveal]").forEach(function (button) {
    const field = document.getElementById(button.dataset.reveal);
    const say = function (shown) {
      field.type = shown ? "text" : "password";
      button.textContent = shown ? button.dataset.hide : button.dataset.show;
      button.setAttribute("aria-label", shown ? button.dataset.hideLabel : button.dataset.showLabel);
    };
    button.hidden = false;
    button.addEventListener("click", function () {
      say(field.type === "password");
      field.focus();
    });
    // What is shown is not to be remembered as ordinary text.
    if (field.form) field.form.addEventListener("submit", function () { say(false); });
  });

  // Only what can be told from the password alone; the rest is for the server to say.
  const kept = {
    "password-policy-length-at-least": function (text, rule) { return Array.from(text).length >= rule.dataset.number; },
    "password-policy-lower-case": function (text) { return /[a-z]/.test(text); },
    "password-policy-upper-case": function (text) { return /[A-Z]/.test(text); },
    "password-policy-numbers": function (text) { return /[0-9]/.test(text); },
    "password-policy-special-characters": function (text) { return /[^A-Za-z0-9\s]/.test(text); },
    "password-policy-identical-chars": function (text, rule) {
      return !new RegExp("(.)\\1{" + rule.dataset.number + "}", "su").test(text);
    },
    "password-policy-contains-at-least": function (text, rule) {
      return rule.querySelectorAll("li.met").length >= rule.dataset.number;
    },
    "password-policy-contains-all": function (text, rule) { return !rule.querySelector("li:not(.met)"); },
  };
  const password = document.querySelector("input[autocomplete=new-password]");
  const rules = Array.from(document.querySelectorAll("[data-rule]")).reverse();
  if (password && rules.length) {
    password.addEventListener("input", function () {
      // From the innermost outwards: a rule about classes counts the classes that are kept.
      rules.forEach(function (rule) {
        const check = kept[rule.dataset.rule];
        if (!check) return;
        const met = password.value !== "" && check(password.value, rule);
        rule.className = met ? "met" : "open";
        const spoken = rule.querySelector(":scope > .spoken");
        if (spoken) spoken.remove();
      });
    });
  }

  document.querySelectorAll("form").forEach(function (form) {
    form.addEventListener("submit", function (event) {
      if (form.classList.contains("sent")) event.preventDefault();
      form.classList.add("sent");
      // Whoever still waits then may press again.
      setTimeout(function () { form.classList.remove("sent"); }, 8000);
    });
  });
  // Back from the next page, a form is as good as new.
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form.sent").forEach(function (form) { form.classList.remove("sent"); });
  });
})();
