'use strict';
// What the backend reads of the exchanges' WebSocket messages, and nothing that it does not read: a field that is not here
// may change or go without anybody here noticing.

const { MatchersV3 } = require('@pact-foundation/pact');
const { boolean, eachLike, equal, nullValue } = MatchersV3;

// Pact's `regex` takes a number for the text of its digits, and `integer` such a text for a number: the type of the example
// is asked for too.
const typed = (matcher, example) => ({ 'pact:matcher:type': [{ 'pact:matcher:type': 'type' }, matcher], value: example });
const text = (regex, example) => typed({ 'pact:matcher:type': 'regex', regex }, example);
const integer = (example) => typed({ 'pact:matcher:type': 'integer' }, example);

// plain decimals in strings: as JSON numbers many programs would read them as binary floats
const amount = (example) => text('^\\d{1,12}(\\.\\d{1,8})?$', example);
const digits = (example) => text('^\\d{1,19}$', example);

const CONSUMER = 'trading-backend';

const CONTRACTS = [
  {
    venue: 'binance',
    messages: {
      'the best levels of a book': {
        stream: text('^[a-z0-9]{2,20}@depth10@100ms$', 'btcusdt@depth10@100ms'),
        data: {
          lastUpdateId: integer(160),
          bids: eachLike([amount('98710.01'), amount('0.90001')]),
          asks: eachLike([amount('98710.02'), amount('1.2')]),
        },
      },
      'a trade': {
        stream: text('^[a-z0-9]{2,20}@trade$', 'btcusdt@trade'),
        data: {
          e: equal('trade'),
          E: integer(1767226500123),
          s: text('^[A-Z0-9]{2,20}$', 'BTCUSDT'),
          t: integer(12345),
          p: amount('98710.01'),
          q: amount('0.00125'),
        },
      },
      'the answer to a subscription': { result: nullValue(), id: integer(1) },
    },
  },
  {
    venue: 'btcturk',
    messages: {
      'the best levels of a book': [
        equal(431),
        {
          CS: integer(461280),
          PS: text('^[A-Z0-9]{2,20}$', 'BTCTRY'),
          BO: eachLike({ P: amount('4120000'), A: amount('0.60000001') }),
          AO: eachLike({ P: amount('4120001'), A: amount('0.8') }),
        },
      ],
      'a trade': [
        equal(422),
        {
          D: text('^\\d{13}$', '1767226500123'),
          I: digits('100163785789620825'),
          PS: text('^[A-Z0-9]{2,20}$', 'BTCTRY'),
          P: amount('4120000'),
          A: amount('0.00728347'),
        },
      ],
      'the answer to a subscription': [equal(100), { ok: boolean(true) }],
    },
  },
];

module.exports = { CONSUMER, CONTRACTS };
