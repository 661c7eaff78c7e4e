// The licences of the packages whose code is in the built client: each asks to be kept with its code.

import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const { inputs } = JSON.parse(readFileSync(join(here, "dist/meta.json"), "utf8"));

/** The folder of the package that a file belongs to. */
function folder(input) {
  const found = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input);
  return found?.[0];
}

const folders = [...new Set(Object.keys(inputs).map(folder))].filter((found) => found !== undefined).sort();
const notices = folders.map((name) => {
  const { name: title, version, license } = JSON.parse(readFileSync(join(here, name, "package.json"), "utf8"));
  const file = readdirSync(join(here, name)).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined || !existsSync(join(here, name, file))) {
    throw new Error(`\`${title}\` brings no licence that could be kept with its code`);
  }
  return `${title} ${version} (${license})\n\n${readFileSync(join(here, name, file), "utf8").trim()}\n`;
});
writeFileSync(join(here, "dist/NOTICES.txt"), notices.join(`\n${"-".repeat(80)}\n\n`));
