// A reporter for Node's test runner that names what failed and what was skipped, says a line per slow test, and counts.
import { resolve } from "node:path";
import type { TestEvent } from "node:test/reporters";

/** Tests that take longer are named with their time, so that the slow ones stay known. */
const SLOW_MS = 2000;

export default async function* briefReporter(
  events: AsyncIterable<TestEvent>,
): AsyncGenerator<string> {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  for await (const event of events) {
    if (event.type === "test:pass" || event.type === "test:fail") {
      const { name, details, skip, file } = event.data;
      const isSuite = details.type === "suite";
      // Node reports a file as a test of its own only where it held none, or died.
      const isFile = file !== undefined && resolve(name) === file;
      if (event.type === "test:fail") {
        if (!isSuite) failed++;
        yield `not ok - ${name}${file === undefined ? "" : ` (${file})`}\n${indented(failureText(event.data.details.error))}\n`;
      } else if (skip !== undefined && skip !== false) {
        skipped++;
        yield `skipped - ${name}: ${skip === true ? "no reason given" : skip}\n`;
      } else if (isFile) {
        failed++;
        yield `not ok - ${name} ran no test\n`;
      } else if (!isSuite) {
        passed++;
        if (details.duration_ms > SLOW_MS)
          yield `ok - ${name} (${(details.duration_ms / 1000).toFixed(1)} s)\n`;
      }
    } else if (event.type === "test:diagnostic" && /seed/i.test(event.data.message)) {
      yield `${event.data.message}\n`;
    } else if (event.type === "test:stderr" || event.type === "test:stdout") {
      yield event.data.message;
    }
  }
  yield `${passed} passed, ${failed} failed, ${skipped} skipped\n`;
}

function failureText(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}
