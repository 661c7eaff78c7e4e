'use strict';
// What the feed really sends is as the contracts say, and a feed that changes is found out, by the path of the field.

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { before, describe, test } = require('node:test');
const { CONSUMER, CONTRACTS } = require('./contracts.js');
const { capture, pactFile } = require('./parts.js');

const BOOK = 'the best levels of a book';
const TRADE = 'a trade';
const ANSWER = 'the answer to a subscription';

// Changes of a provider: to which message, what, and what Pact has to say of it: the path of the field first.
const CHANGES = {
  binance: [
    ['a price is a number', TRADE, (m) => (m.data.p = Number(m.data.p)), '$.data.p -> Expected'],
    ['a level\'s quantity is a number', BOOK, (m) => (m.data.bids[3][1] = 1.5), '$.data.bids[3][1] -> Expected'],
    ['a field has another name', TRADE, (m) => ((m.data.qty = m.data.q), delete m.data.q), '$.data -> Actual map is missing the following keys: q'],
    ['the number of a book is missing', BOOK, (m) => delete m.data.lastUpdateId, '$.data -> Actual map is missing the following keys: lastUpdateId'],
    ['the number of a trade is a text', TRADE, (m) => (m.data.t = '7'), '$.data.t -> Expected'],
    ['a price has an exponent', TRADE, (m) => (m.data.p = '9.8e4'), '$.data.p -> Expected'],
    ['a subscription is refused', ANSWER, (m) => (m.result = 'no'), '$.result -> Expected'],
  ],
  btcturk: [
    ['a price is a number', TRADE, (m) => (m[1].P = Number(m[1].P)), '$[1].P -> Expected'],
    ['a level has another name', BOOK, (m) => ((m[1].AO[0].p = m[1].AO[0].P), delete m[1].AO[0].P), '$[1].AO[0] -> Actual map is missing the following keys: P'],
    ['the number of a book is missing', BOOK, (m) => delete m[1].CS, '$[1] -> Actual map is missing the following keys: CS'],
    ['the type has another number', TRADE, (m) => (m[0] = 423), '$[0] -> Expected'],
    ['the time is in seconds', TRADE, (m) => (m[1].D = m[1].D.slice(0, 10)), '$[1].D -> Expected'],
    ['a side of the book is missing', BOOK, (m) => delete m[1].BO, '$[1] -> Actual map is missing the following keys: BO'],
  ],
};

function verify(venue, messages) {
  const words = [path.join(__dirname, 'provide.js'), pactFile(CONSUMER, venue)];
  const done = spawnSync(process.execPath, words, { input: JSON.stringify(messages), encoding: 'utf8' });
  // colours are for people
  return { status: done.status, said: `${done.stdout}${done.stderr}`.replace(/\x1b\[[0-9;]*m/g, '') };
}

for (const { venue } of CONTRACTS) {
  describe(venue, () => {
    let sent;
    before(async () => (sent = await capture(venue)));

    test('the feed keeps the contract', () => {
      const { status, said } = verify(venue, sent);
      assert.strictEqual(status, 0, said);
    });

    for (const [name, description, change, where] of CHANGES[venue]) {
      test(`it is found out when ${name}`, () => {
        const messages = structuredClone(sent);
        change(messages[description]);
        const { status, said } = verify(venue, messages);
        assert.strictEqual(status, 1, said);
        assert.ok(said.includes(where), `no \`${where}\` in:\n${said}`);
      });
    }
  });
}
