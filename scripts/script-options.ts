import { readFileSync } from "node:fs";
import { type ParseArgsConfig, parseArgs } from "node:util";

/**
 * The options that a script was started with. `--help` prints the comment at the top of the script and its options, and
 * ends the process; so does an option that there is not, with what is wrong, on standard error and with status 2.
 */
export function scriptOptions<const Config extends ParseArgsConfig>(
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  const args = process.argv.slice(2);
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(usage(config));
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    process.stderr.write(`${error.message}\n\n${usage(config)}`);
    process.exit(2);
  }
}

function usage({ options = {} }: ParseArgsConfig): string {
  const script = readFileSync(process.argv[1] ?? "", "utf8");
  const [comment = ""] = /^(?:\/\/.*\n)*/.exec(script) ?? [];
  const lines = Object.entries(options).map(([name, { type, default: fallback }]) => {
    const value = type === "boolean" ? "" : fallback === undefined ? " …" : ` ${String(fallback)}`;
    return `  --${name}${value}\n`;
  });
  return `${comment.replaceAll(/^\/\/ ?/gm, "")}\nOptions, with their defaults:\n${lines.join("")}  --help\n`;
}
