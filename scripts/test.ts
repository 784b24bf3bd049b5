// Runs the checks and tests, part by part, and closes with one line that counts them all.
// `npm test` runs every part; `npm test -- unit web` the parts named.
import { spawn } from "node:child_process";
import { glob } from "node:fs/promises";

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

interface Part {
  readonly name: string;
  /** What it shows, for the line that announces it. */
  readonly what: string;
  run(): Promise<Count>;
}

/** Node's runner and Vitest both end with lines that count; a check counts as one test. */
const parts: readonly Part[] = [
  check("types", "type check", ["tsc", "-p", "tsconfig.json"]),
  check("types", "type check, browser-safe packages", ["tsc", "-p", "tsconfig.browser.json"]),
  check("types", "type check, page", ["tsc", "-p", "packages/web"]),
  check("lint", "format, style, imports", ["biome", "ci", "--error-on-warnings", "--colors=off"]),
  check("lint", "promises, exhaustive switches", ["oxlint", "--type-aware", "--deny-warnings"]),
  tests(
    "unit",
    "packages, simulation, layers",
    ["--test-isolation=none"],
    [
      "packages/{base,ports,api,kernels,collect,tsdb,promql,alert,notify,adapters,server,testing}/test/**/*.test.ts",
      "tests/*.test.ts",
    ],
  ),
  {
    name: "web",
    what: "page components",
    run: () => counted(["npm", "run", "--silent", "test", "-w", "packages/web"]),
  },
  tests(
    "crash",
    "kill -9 of the real process",
    ["--test-concurrency=1"],
    ["tests/crash/**/*.test.ts"],
  ),
  tests(
    "acceptance",
    "the whole system against real programs",
    ["--test-concurrency=2"],
    ["tests/acceptance/**/*.test.ts"],
  ),
];

function check(name: string, what: string, command: readonly string[]): Part {
  return {
    name,
    what,
    async run() {
      const { code } = await runCommand(command);
      return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
    },
  };
}

function tests(
  name: string,
  what: string,
  options: readonly string[],
  patterns: readonly string[],
): Part {
  return {
    name,
    what,
    async run() {
      const files: string[] = [];
      for (const pattern of patterns) for await (const file of glob(pattern)) files.push(file);
      files.sort();
      if (files.length === 0) return { passed: 0, failed: 1, skipped: 0 };
      return counted([
        "node",
        "--disable-warning=ExperimentalWarning",
        "--import=./scripts/property-seed.ts",
        "--test",
        "--test-reporter=./scripts/brief-reporter.ts",
        ...options,
        ...files,
      ]);
    },
  };
}

/** Runs a test runner and reads the counts from its closing lines. */
async function counted(command: readonly string[]): Promise<Count> {
  const { code, output } = await runCommand(command);
  // The last such line: what a test prints may look like one.
  const closing =
    [...output.matchAll(/^(?:\d+ passed, \d+ failed|\s*Tests {2}).*$/gm)].at(-1)?.[0] ?? "";
  const number = (word: string): number =>
    Number(new RegExp(`(\\d+) ${word}`).exec(closing)?.[1] ?? 0);
  const count = { passed: number("passed"), failed: number("failed"), skipped: number("skipped") };
  // A runner that died, or that ran nothing, has failed, whatever it counted.
  const ranNothing = count.passed + count.skipped === 0;
  if (count.failed === 0 && (code !== 0 || ranNothing)) count.failed = 1;
  return count;
}

function runCommand(command: readonly string[]): Promise<{ code: number | null; output: string }> {
  const [program = "", ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NO_COLOR: "1" },
    });
    let output = "";
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (text: string) => {
      output += text;
      process.stdout.write(text);
    });
    child.on("error", (error) => {
      process.stdout.write(`${program} cannot be run: ${error.message}\n`);
      resolve({ code: null, output });
    });
    child.on("close", (code) => resolve({ code, output }));
  });
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !parts.some((part) => part.name === name));
if (unknown.length > 0) {
  const names = [...new Set(parts.map((part) => part.name))].join(", ");
  process.stderr.write(`no part is called ${unknown.join(", ")}; there are: ${names}\n`);
  process.exit(2);
}

const total: Count = { passed: 0, failed: 0, skipped: 0 };
const failedParts: string[] = [];
for (const part of parts) {
  if (wanted.length > 0 && !wanted.includes(part.name)) continue;
  const started = performance.now();
  process.stdout.write(`\n== ${part.name}: ${part.what}\n`);
  const count = await part.run();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(
    `== ${part.name}: ${count.failed === 0 ? "ok" : "FAILED"} in ${seconds} s\n`,
  );
  if (count.failed > 0) failedParts.push(`${part.name} (${part.what})`);
  total.passed += count.passed;
  total.failed += count.failed;
  total.skipped += count.skipped;
}
if (failedParts.length > 0) process.stdout.write(`\nfailed: ${failedParts.join(", ")}\n`);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed${skipped}\n`);
process.exitCode = total.failed === 0 ? 0 : 1;
