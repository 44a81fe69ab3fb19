// Hands an authorization response to the window that framed or opened this one, if it is of the expected origin.
{
  const { origin, message } = document.getElementById("response").dataset;
  const waiting = window.parent !== window ? window.parent : window.opener;
  if (origin && waiting) waiting.postMessage(JSON.parse(message), origin);
}
