import { formatValue } from "@pharos/base";

export type MetricType = "counter" | "gauge" | "untyped";

type SampleLabels = Readonly<Record<string, string>>;

interface Family {
  readonly type: MetricType;
  readonly help: string;
  readonly lines: string[];
}

/** Collects samples by metric family and writes them in the text format 0.0.4, families sorted by name. */
export class MetricWriter {
  readonly #families = new Map<string, Family>();

  /** A value that is undefined or no number is left out, as the file did not have it. */
  add(
    name: string,
    type: MetricType,
    help: string,
    value: number | undefined,
    labels: SampleLabels = {},
  ): void {
    if (value === undefined || Number.isNaN(value)) return;
    const family = this.#families.getOrInsertComputed(name, () => ({ type, help, lines: [] }));
    family.lines.push(`${name}${formatSampleLabels(labels)} ${formatValue(value)}\n`);
  }

  toText(): string {
    let text = "";
    for (const name of [...this.#families.keys()].sort()) {
      const { type, help, lines } = this.#families.get(name) as Family;
      text += `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.join("")}`;
    }
    return text;
  }
}

function formatSampleLabels(labels: SampleLabels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

function escapeValue(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}

function escapeHelp(help: string): string {
  return help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
