/** The tests of one file. */
export interface JUnitSuite {
  readonly name: string;
  readonly seconds: number;
  readonly cases: readonly {
    readonly name: string;
    /** What is wrong; none for a test that passed. */
    readonly failures: readonly string[];
  }[];
}

/** Results in the XML that JUnit made usual, which CI servers read. */
export function junitXml(suites: readonly JUnitSuite[]): string {
  const parts = suites.map(({ name, seconds, cases }) => {
    const failed = cases.filter(({ failures }) => failures.length > 0).length;
    const head = `<testsuite name="${escaped(name)}" tests="${cases.length}" failures="${failed}" errors="0" time="${seconds.toFixed(3)}">`;
    return `  ${head}\n${cases.map(caseXml).join("")}  </testsuite>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${parts.join("")}</testsuites>\n`;
}

function caseXml({ name, failures }: JUnitSuite["cases"][number]): string {
  const start = `    <testcase name="${escaped(name)}"`;
  if (failures.length === 0) return `${start}/>\n`;
  const inner = failures.map(
    (text) => `      <failure message="${escaped(firstLine(text))}">${escaped(text)}</failure>\n`,
  );
  return `${start}>\n${inner.join("")}    </testcase>\n`;
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** XML has no way at all to say most control characters. */
function escaped(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD")
    .replaceAll(/[&<>"]/g, (character) => ENTITIES[character] as string);
}
