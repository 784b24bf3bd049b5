import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { Secret } from "@pharos/base";
import type { AwsCredentials, AwsSurroundings } from "@pharos/notify";

export interface AwsSurroundingsOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where `.aws` is. */
  readonly home: string;
  /** Undefined where there is no such file, or it may not be read. */
  readFile(path: string): Promise<string | undefined>;
}

type Section = ReadonlyMap<string, string>;

/**
 * What Amazon's own programs go by: the environment's variables, then the files under `~/.aws`. A profile that is named
 * is looked up in the files first. The files are read each time, since others renew what is in them.
 */
export function awsSurroundings({ env, home, readFile }: AwsSurroundingsOptions): AwsSurroundings {
  const section = async (file: string, name: string): Promise<Section> =>
    sectionOf((await readFile(file)) ?? "", name);
  const credentialsFile = env["AWS_SHARED_CREDENTIALS_FILE"] || join(home, ".aws/credentials");
  const configFile = env["AWS_CONFIG_FILE"] || join(home, ".aws/config");
  const nameOf = (profile: string): string => profile || env["AWS_PROFILE"] || "default";
  const configOf = (name: string): Promise<Section> =>
    section(configFile, name === "default" ? name : `profile ${name}`);

  return {
    async credentials(profile) {
      const fromEnv = credentialsOf(
        env["AWS_ACCESS_KEY_ID"],
        env["AWS_SECRET_ACCESS_KEY"],
        env["AWS_SESSION_TOKEN"],
      );
      if (profile === "" && fromEnv !== undefined) return fromEnv;
      const name = nameOf(profile);
      for (const keys of [await section(credentialsFile, name), await configOf(name)]) {
        const found = credentialsOf(
          keys.get("aws_access_key_id"),
          keys.get("aws_secret_access_key"),
          keys.get("aws_session_token"),
        );
        if (found !== undefined) return found;
      }
      return fromEnv;
    },
    async region(profile) {
      const fromEnv = env["AWS_REGION"] || env["AWS_DEFAULT_REGION"] || "";
      if (profile === "" && fromEnv !== "") return fromEnv;
      return (await configOf(nameOf(profile))).get("region") || fromEnv;
    },
  };
}

/** Those of this process. */
export function processAwsSurroundings(): AwsSurroundings {
  return awsSurroundings({
    env: process.env,
    home: homedir(),
    readFile: (path) => readFile(path, "utf8").catch(() => undefined),
  });
}

function credentialsOf(
  accessKey: string | undefined,
  secretKey: string | undefined,
  sessionToken: string | undefined,
): AwsCredentials | undefined {
  if (!accessKey || !secretKey) return undefined;
  return {
    accessKey,
    secretKey: new Secret(secretKey),
    ...(sessionToken ? { sessionToken: new Secret(sessionToken) } : {}),
  };
}

/** The keys below `[name]`. */
function sectionOf(text: string, name: string): Section {
  const keys = new Map<string, string>();
  let inside = false;
  for (const line of text.split("\n")) {
    const trimmed = line.trim();
    const [, heading] = /^\[\s*(.*?)\s*\]/.exec(trimmed) ?? [];
    if (heading !== undefined) {
      inside = heading.replace(/\s+/g, " ") === name;
      continue;
    }
    // Lines that are set in belong to the key above them, of a kind that is of no use here.
    if (!inside || /^[#;]/.test(trimmed) || /^\s/.test(line)) continue;
    const [, key, value] = /^([^=]*?)\s*=\s*(.*)$/.exec(trimmed) ?? [];
    if (key !== undefined && value !== undefined) keys.set(key, value);
  }
  return keys;
}
