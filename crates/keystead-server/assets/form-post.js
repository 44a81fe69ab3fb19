// Sends a form_post response, as the person at the screen would with the button. A parameter named "submit" would hide
// the form's own method, so it is taken from the prototype.
HTMLFormElement.prototype.submit.call(document.getElementById("response-form"));
