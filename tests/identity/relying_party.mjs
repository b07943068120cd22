// An independent, certified OpenID library against our sign-in: discovery, password and
// refresh grants, codes, devices and exchange, and what its own checks say of our answers.
import assert from "node:assert/strict";
import * as client from "openid-client";

const [issuer, username, password, apiSecret] = process.argv.slice(2);
const scope = "openid offline_access rs_heliostat rs_api at_groups id_groups";

const config = await client.discovery(new URL(issuer), "helio", undefined, client.None());
const metadata = config.serverMetadata();
assert.equal(metadata.issuer, issuer);

const first = await client.genericGrantRequest(config, "password", { username, password, scope });
const claims = first.claims();
assert.equal(claims.sub, username);
assert.equal(claims.aud, "helio");
assert.deepEqual(claims.groups, ["heliostat.local\\Administrators"]);

const second = await client.refreshTokenGrant(config, first.refresh_token);
assert.notEqual(second.refresh_token, first.refresh_token);
assert.equal(second.claims().sub, username);

await assert.rejects(
  client.refreshTokenGrant(config, first.refresh_token),
  (error) => error.error === "invalid_grant",
);
await assert.rejects(
  client.refreshTokenGrant(config, second.refresh_token),
  (error) => error.error === "invalid_grant",
);

// The same with a browser: the page's form is filled in by hand, as a person would.
const shop = await client.discovery(new URL(issuer), "shop", undefined, client.None());
const verifier = client.randomPKCECodeVerifier();
const expected = { state: client.randomState(), nonce: client.randomNonce() };
const back = "https://shop.example/signed-in";
const url = client.buildAuthorizationUrl(shop, {
  redirect_uri: back,
  scope,
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  ...expected,
});
const ahead = await client.buildAuthorizationUrlWithPAR(shop, url.searchParams);
assert.deepEqual([...ahead.searchParams.keys()].sort(), ["client_id", "request_uri"]);
const page = await fetch(ahead);
const hidden = [...(await page.text()).matchAll(/type="hidden" name="([^"]*)" value="([^"]*)"/g)];
const form = new URLSearchParams(hidden.map(([, name, value]) => [name, value]));
form.set("username", username);
form.set("password", password);
const cookie = page.headers.getSetCookie()[0].split(";")[0];
const signedIn = await fetch(url.origin + url.pathname, {
  method: "POST", body: form, headers: { cookie }, redirect: "manual",
});
const callback = new URL(signedIn.headers.get("location"));
const check = {
  pkceCodeVerifier: verifier, expectedState: expected.state, expectedNonce: expected.nonce,
};
const third = await client.authorizationCodeGrant(shop, callback, check);
assert.equal(third.claims().sub, username);
const about = await client.fetchUserInfo(shop, third.access_token, username);
assert.equal(about.tenant, "heliostat.local");
await assert.rejects(
  client.authorizationCodeGrant(shop, callback, check),
  (error) => error.error === "invalid_grant",
);
await assert.rejects(
  client.refreshTokenGrant(shop, third.refresh_token),
  (error) => error.error === "invalid_grant",
);
await client.tokenRevocation(shop, third.refresh_token);
// A machine without a browser, and a person who allows it in one.
const machine = await client.initiateDeviceAuthorization(config, { scope });
const jar = new Map();
async function visit(path, fields) {
  const headers = { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") };
  const sent = fields && { method: "POST", body: new URLSearchParams(fields) };
  const answer = await fetch(new URL(path, issuer), { headers, redirect: "manual", ...sent });
  for (const line of answer.headers.getSetCookie()) {
    const [name, value] = line.split(";")[0].split(/=(.*)/);
    if (value && value !== '""') jar.set(name, value);
    else jar.delete(name);
  }
  const text = await answer.text();
  const found = [...text.matchAll(/type="hidden" name="([^"]*)" value="([^"]*)"/g)];
  const action = text.match(/<form method="post" action="([^"]*)"/);
  return { text, hidden: Object.fromEntries(found.map(([, n, v]) => [n, v])), action: action?.[1] };
}
const entry = await visit(machine.verification_uri);
const who = await visit(entry.action, { ...entry.hidden, user_code: machine.user_code });
const asks = await visit(who.action, { ...who.hidden, username, password });
assert.match(asks.text, new RegExp(machine.user_code));
const polled = client.pollDeviceAuthorizationGrant(config, { ...machine, interval: 1 });
const allowed = await visit(asks.action, { ...asks.hidden, allow: "yes" });
assert.match(allowed.text, /is signed in/);
const signedInThere = await polled;
assert.equal(signedInThere.claims().sub, username);

// A service exchanges the person's token; it has a secret.
const api = await client.discovery(new URL(issuer), "api", apiSecret);
const exchanged = await client.genericGrantRequest(
  api,
  "urn:ietf:params:oauth:grant-type:token-exchange",
  {
    subject_token: signedInThere.access_token,
    subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
    audience: "rs_heliostat",
  },
);
const told = await client.tokenIntrospection(api, exchanged.access_token);
assert.equal(told.active, true);
assert.equal(told.act.sub, "api");
console.log(JSON.stringify({
  accessToken: signedInThere.access_token, copied: first.access_token,
}));
