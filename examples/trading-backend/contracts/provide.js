'use strict';
// Verifies messages against a contract: `node provide.js PACT`, the messages by their description as JSON on the input.
// A process of its own, since Pact tells what does not match on the output alone.

const fs = require('node:fs');
const { MessageProviderPact } = require('@pact-foundation/pact');

const messages = JSON.parse(fs.readFileSync(0, 'utf8'));
const [pact] = process.argv.slice(2);
const messageProviders = Object.fromEntries(
  Object.entries(messages).map(([description, message]) => [description, () => message]),
);
const provider = JSON.parse(fs.readFileSync(pact, 'utf8')).provider.name;

new MessageProviderPact({ messageProviders, provider, pactUrls: [pact], logLevel: 'error' })
  .verify()
  .then(
    () => process.exit(0),
    () => process.exit(1),
  );
