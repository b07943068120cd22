// An OpenID provider that nobody here wrote: node-oidc-provider, with one client and one person.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [port, redirectUri, clientKeys] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const client = {
  client_id: "heliostat",
  redirect_uris: [redirectUri],
  grant_types: ["authorization_code"],
  response_types: ["code"],
};
const byKey = clientKeys
  ? { token_endpoint_auth_method: "private_key_jwt", jwks: JSON.parse(clientKeys) }
  : { client_secret: "shared with nobody else", token_endpoint_auth_method: "client_secret_basic" };

const provider = new Provider(issuer, {
  clients: [{ ...client, ...byKey }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["preferred_username", "given_name", "groups"] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: true } },
  findAccount: async (_, id) => ({
    accountId: id,
    claims: async () => ({
      sub: id,
      email: `${id}@corp.example`,
      email_verified: true,
      preferred_username: id,
      given_name: "Grace",
      groups: ["eng-os", "lunch"],
    }),
  }),
});
createServer(provider.callback()).listen(Number(port), "127.0.0.1", () => console.log("ready"));
