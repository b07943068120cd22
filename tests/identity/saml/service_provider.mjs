// A service provider with @node-saml/node-saml, told line by line what to do; answers are JSON.
import { SAML } from "@node-saml/node-saml";
import { createInterface } from "node:readline";

let saml;
const verbs = {
  async open(options) {
    const { certificate, ...rest } = options;
    saml = new SAML({
      signatureAlgorithm: "sha256",
      digestAlgorithm: "sha256",
      // "always" looks for it in answers to sign-ins only, and refuses those to sign-outs
      validateInResponseTo: "ifPresent",
      ...rest,
    });
    return saml.generateServiceProviderMetadata(certificate, certificate);
  },
  authorize: ({ relayState }) => saml.getAuthorizeUrlAsync(relayState, undefined, {}),
  answer: (body) => saml.validatePostResponseAsync(body),
  logout: ({ profile }) => saml.getLogoutUrlAsync(profile, "", {}),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [verb, told] = JSON.parse(line);
  let answer;
  try {
    answer = { value: await verbs[verb](told) };
  } catch (error) {
    answer = { error: String(error) };
  }
  const plain = (_, value) => (typeof value === "function" ? undefined : value);
  console.log(JSON.stringify(answer, plain));
}
