import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Scenario, slug } from "./scenario.ts";
import type { Told } from "./told.ts";

const FOLDER = join(import.meta.dirname, "recorded");

/** What Alertmanager told in a scenario. */
export interface Recording {
  readonly startMs: number;
  readonly told: readonly Told[];
}

function pathOf(scenario: Scenario): string {
  return join(FOLDER, `${slug(scenario)}.json`);
}

export async function readRecording(scenario: Scenario): Promise<Recording> {
  return JSON.parse(await readFile(pathOf(scenario), "utf8")) as Recording;
}

export async function writeRecording(scenario: Scenario, recording: Recording): Promise<void> {
  await writeFile(pathOf(scenario), `${JSON.stringify(recording, undefined, 2)}\n`);
}
