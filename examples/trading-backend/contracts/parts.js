'use strict';
// The programs that the contracts are held to: the backend's own parser, and the feed.

const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');

function program(variable) {
  const found = process.env[variable];
  if (!found) throw new Error(`\`${variable}\` is not set: run ./verify, which builds the programs`);
  return found;
}

// What the backend understands of a message; throws with its words where it refuses it.
function read(venue, text) {
  return JSON.parse(execFileSync(program('CONTRACT'), ['read', venue], { input: text, stdio: ['pipe', 'pipe', 'pipe'] }));
}

// One message of each kind, as the running feed sends it to a client that subscribes as the backend does.
async function capture(venue) {
  const port = await freePort();
  const feed = spawn(program('BACKEND'), ['feed', '--listen', `127.0.0.1:${port}`, '--every-ms', '10'], { stdio: 'ignore' });
  try {
    const said = execFileSync(program('CONTRACT'), ['capture', venue, `ws://127.0.0.1:${port}/${venue}`]);
    return JSON.parse(said);
  } finally {
    feed.kill();
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

const pactFile = (consumer, venue) => path.join(__dirname, `${consumer}-${venue}.json`);
const readText = (file) => fs.readFileSync(file, 'utf8');

module.exports = { capture, pactFile, read, readText };
