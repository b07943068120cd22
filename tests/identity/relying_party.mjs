// An independent, certified OpenID library against our sign-in: discovery, password and
// refresh grants, and the id token's signature and claims by our published keys.
import assert from "node:assert/strict";
import * as client from "openid-client";

const [issuer, username, password] = process.argv.slice(2);
const scope = "openid offline_access rs_heliostat at_groups id_groups";

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
const page = await fetch(url);
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
console.log(JSON.stringify({ accessToken: first.access_token }));
