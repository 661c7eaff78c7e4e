// Which program serves an editor, and what to say where it does not.

import { homedir } from "node:os";
import { join } from "node:path";

/** What starts the language server. */
export interface Program {
  command: string;
  args: string[];
}

/** The server as the setting `spark.path` names it: `~` is the home folder, nothing is the name `spark`. */
export function program(path: string | undefined): Program {
  const named = path?.trim() || "spark";
  const command = named === "~" || named.startsWith("~/") ? join(homedir(), named.slice(1)) : named;
  return { command, args: ["lsp"] };
}

/** What to say where a program could not be started. */
export function failure(command: string, error: unknown): string {
  const words = error instanceof Error ? error.message : String(error);
  const missing = /ENOENT/.test(words);
  return missing
    ? `there is no program \`${command}\`: install Spark, or say where it is in the setting \`spark.path\``
    : `the language server \`${command} lsp\` did not start: ${words}`;
}
