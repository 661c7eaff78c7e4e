'use strict';
// The backend's own parser understands every message of the contracts, and they are those that are committed.

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { MessageConsumerPact } = require('@pact-foundation/pact');
const { CONSUMER, CONTRACTS } = require('./contracts.js');
const { pactFile, read, readText } = require('./parts.js');

const KINDS = { 'the best levels of a book': 'book', 'a trade': 'trade', 'the answer to a subscription': 'heartbeat' };

for (const { venue, messages } of CONTRACTS) {
  test(`the backend understands what it asks of ${venue}`, async () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'contracts-'));
    try {
      const about = { consumer: CONSUMER, provider: venue, dir, spec: 4, logLevel: 'error' };
      const pact = new MessageConsumerPact({ ...about, pactfileWriteMode: 'overwrite' });
      for (const [description, content] of Object.entries(messages)) {
        await pact
          .expectsToReceive(description)
          .withContent(content)
          .verify(async ({ contents }) => {
            const message = contents.content ?? contents;
            assert.strictEqual(read(venue, JSON.stringify(message)).kind, KINDS[description]);
          });
      }
      const made = readText(path.join(dir, `${CONSUMER}-${venue}.json`));
      const committed = pactFile(CONSUMER, venue);
      if (process.env.RENEW) fs.writeFileSync(committed, made);
      assert.strictEqual(made, readText(committed), 'the contract has changed: ./verify --renew');
    } finally {
      fs.rmSync(dir, { recursive: true });
    }
  });
}
