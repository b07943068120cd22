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
console.log(JSON.stringify({ accessToken: first.access_token }));
