// The client of `spark lsp`: it starts the server where the workspace is trusted, and starts it again where its setting
// changes. All that the editor shows comes from the server.

import {
  commands,
  type ExtensionContext,
  type OutputChannel,
  window,
  workspace,
} from "vscode";
import { LanguageClient, type LanguageClientOptions, type ServerOptions } from "vscode-languageclient/node";

import { failure, program } from "./program";

let client: LanguageClient | undefined;
// starts and stops come one after the other, whoever asks for them
let turn: Promise<void> = Promise.resolve();

export async function activate(context: ExtensionContext): Promise<void> {
  const output = window.createOutputChannel("Spark");
  context.subscriptions.push(
    output,
    commands.registerCommand("spark.restartServer", () => restart(output)),
    commands.registerCommand("spark.showOutput", () => output.show()),
    workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("spark.path")) {
        void restart(output);
      }
    }),
    workspace.onDidGrantWorkspaceTrust(() => restart(output)),
  );
  await restart(output);
}

export async function deactivate(): Promise<void> {
  await inTurn(stop);
}

function restart(output: OutputChannel): Promise<void> {
  return inTurn(async () => {
    await stop();
    // a workspace that is not trusted gets colours, and no program is started for it
    if (workspace.isTrusted) {
      await start(output);
    }
  });
}

function inTurn(work: () => Promise<void>): Promise<void> {
  turn = turn.then(work, work);
  return turn;
}

async function start(output: OutputChannel): Promise<void> {
  const { command, args } = program(workspace.getConfiguration("spark").get<string>("path"));
  const server: ServerOptions = { command, args };
  const options: LanguageClientOptions = {
    documentSelector: [
      { scheme: "file", language: "spark-rules" },
      { scheme: "untitled", language: "spark-rules" },
    ],
    synchronize: { fileEvents: workspace.createFileSystemWatcher("**/*.rules") },
    outputChannel: output,
  };
  const started = new LanguageClient("spark", "Spark", server, options);
  try {
    await started.start();
    client = started;
  } catch (error) {
    const words = failure(command, error);
    output.appendLine(words);
    void window.showErrorMessage(`Spark: ${words}`, "Settings").then((chosen) => {
      if (chosen !== undefined) {
        void commands.executeCommand("workbench.action.openSettings", "spark.path");
      }
    });
  }
}

async function stop(): Promise<void> {
  const running = client;
  client = undefined;
  await running?.dispose();
}
