// Asks the browser for a passkey, and sends its answer back with the page's form.
// The button that begins it stays hidden where the browser has no passkeys.
"use strict";
(() => {
  const button = document.querySelector("button[data-passkey]");
  if (!button || !window.PublicKeyCredential) return;
  const form = button.form;
  const wrong = form.querySelector("[data-passkey-wrong]");
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
  const text = (buffer) =>
    btoa(Array.from(new Uint8Array(buffer), (each) => String.fromCharCode(each)).join(""))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const named = (list) => (list || []).map((each) => ({ ...each, id: bytes(each.id) }));

  const asked = () => {
    const options = JSON.parse(button.dataset.passkey);
    options.challenge = bytes(options.challenge);
    if (!options.user) return { ...options, allowCredentials: named(options.allowCredentials) };
    const user = { ...options.user, id: bytes(options.user.id) };
    return { ...options, user, excludeCredentials: named(options.excludeCredentials) };
  };

  const told = (credential) => {
    const from = credential.response;
    const response = { clientDataJSON: text(from.clientDataJSON) };
    if (from.attestationObject) {
      response.attestationObject = text(from.attestationObject);
      response.transports = from.getTransports ? from.getTransports() : [];
    } else {
      response.authenticatorData = text(from.authenticatorData);
      response.signature = text(from.signature);
      response.userHandle = from.userHandle ? text(from.userHandle) : null;
    }
    const id = text(credential.rawId);
    return JSON.stringify({ id, rawId: id, type: credential.type, response });
  };

  button.addEventListener("click", async () => {
    wrong.hidden = true;
    try {
      const publicKey = asked();
      const credentials = navigator.credentials;
      const credential = await (publicKey.user
        ? credentials.create({ publicKey })
        : credentials.get({ publicKey }));
      form.elements.namedItem("passkey").value = told(credential);
      form.submit();
    } catch (error) {
      wrong.textContent = `The passkey could not be used: ${error.message}`;
      wrong.hidden = false;
    }
  });
  button.hidden = false;
})();
