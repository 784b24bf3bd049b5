import { OperatingError } from "@pharos/base";

/** One thing wrong in a configuration file, at its place. Lines and columns count from 1. */
export interface Diagnostic {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Where in the document: `scrape_configs[0].static_config`; "" for the whole of it. */
  readonly path: string;
  readonly message: string;
  /** The line as it stands in the file, for showing; "" where there is none. */
  readonly sourceLine: string;
}

/** Sorts what is told of one file in its order. */
export function byPlace(
  a: Pick<Diagnostic, "line" | "column">,
  b: Pick<Diagnostic, "line" | "column">,
): number {
  return a.line - b.line || a.column - b.column;
}

/** How many problems of a configuration are shown at most; the rest is counted. */
export const DIAGNOSTICS_SHOWN_MAX = 50;

/** A source line is cut to so many characters around the column. */
const SOURCE_LINE_SHOWN_MAX = 120;

const SECRET_VALUE =
  /((?:password|passwd|secret|token|credentials|api_key)\w*["']?\s*:\s*)(\S.*)$/i;

/** A configuration that cannot be loaded: everything that is wrong with it, in the order of the files. */
export class ConfigError extends OperatingError {
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    super("config.invalid", formatDiagnostics(diagnostics));
    this.diagnostics = diagnostics;
  }
}

/**
 * For a terminal: each problem on a line that editors can jump to, below it the source line with a caret. Values that
 * look like secrets are left out of the source line.
 */
export function formatDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const parts = diagnostics.slice(0, DIAGNOSTICS_SHOWN_MAX).map(formatDiagnostic);
  const left = diagnostics.length - parts.length;
  if (left > 0) parts.push(`… and ${left} more`);
  return parts.join("\n");
}

/** The first line of a problem alone: `prometheus.yml:5:5: global.scrape_intervall: unknown key`. */
export function formatDiagnosticLine({ file, line, column, path, message }: Diagnostic): string {
  return `${file}:${line}:${column}: ${path === "" ? "" : `${path}: `}${message}`;
}

function formatDiagnostic(diagnostic: Diagnostic): string {
  const first = formatDiagnosticLine(diagnostic);
  if (diagnostic.sourceLine.trim() === "") return first;
  const at = diagnostic.column - 1;
  const from = Math.max(0, at - SOURCE_LINE_SHOWN_MAX / 2);
  const shown = diagnostic.sourceLine
    .replace(SECRET_VALUE, "$1<secret>")
    .slice(from, from + SOURCE_LINE_SHOWN_MAX);
  // Tabs stay tabs, so that the caret stands below its column whatever the terminal's tab width.
  const margin = shown.slice(0, at - from).replace(/[^\t]/g, " ");
  return `${first}\n    ${shown}\n    ${margin}^`;
}
