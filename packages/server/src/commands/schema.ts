import { type ConfigFileKind, configJsonSchema } from "../config/json-schema.ts";

/** `pharos schema KIND`: prints what editors complete and check a configuration file by. */
export function printSchema(kind: ConfigFileKind): void {
  process.stdout.write(`${JSON.stringify(configJsonSchema(kind), undefined, 2)}\n`);
}
