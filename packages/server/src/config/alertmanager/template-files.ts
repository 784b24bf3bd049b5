import { NotificationTemplates, type TemplateFile, TemplateSyntaxError } from "@pharos/alert";
import { errorText, OperatingError } from "@pharos/base";
import { isScalar } from "yaml";
import type { Diagnostic } from "../diagnostics.ts";
import { type ConfigEnvironment, filesOf, readConfigText, resolvePath } from "../load-config.ts";
import type { Path, YamlSource } from "../yaml-source.ts";

/** How many files of templates a configuration may have. */
export const TEMPLATE_FILES_MAX = 1000;

const PARSER = NotificationTemplates.parse([]);

/** The files that `templates` names, and what is wrong in them at their own lines. */
export interface ReadTemplates {
  readonly files: readonly TemplateFile[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads each file once. A pattern without a match is no mistake, as in Alertmanager. */
export function readTemplateFiles(
  patterns: readonly string[],
  folder: string,
  source: YamlSource,
  environment: Pick<ConfigEnvironment, "readFile" | "glob">,
): ReadTemplates {
  const files = new Map<string, TemplateFile>();
  const diagnostics: Diagnostic[] = [];
  for (const [index, pattern] of patterns.entries()) {
    const at = ["templates", index];
    for (const name of filesOf(resolvePath(pattern, folder), environment, source, at)) {
      if (files.has(name)) continue;
      if (files.size === TEMPLATE_FILES_MAX) {
        source.report(at, `more than ${TEMPLATE_FILES_MAX} files of templates`);
        return { files: [...files.values()], diagnostics };
      }
      const text = readConfigText(name, environment, source, at);
      if (text === undefined) continue;
      files.set(name, { name, text });
      const problem = templateProblem(text);
      if (problem !== undefined) diagnostics.push(fileDiagnostic(name, text, problem));
    }
  }
  return { files: [...files.values()], diagnostics };
}

interface TemplateProblem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

function templateProblem(text: string): TemplateProblem | undefined {
  try {
    PARSER.check(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    const place =
      error instanceof TemplateSyntaxError
        ? { line: error.line, column: error.column }
        : { line: 1, column: 1 };
    return { ...place, message: errorText(error).replace(/^\d+:\d+: /, "") };
  }
}

function fileDiagnostic(file: string, text: string, problem: TemplateProblem): Diagnostic {
  const sourceLine = (text.split("\n")[problem.line - 1] ?? "").replace(/\r$/, "");
  return { file, ...problem, path: "", sourceLine };
}

/** Reports what is wrong with a template in a field of a receiver, at its character where the notation lets us say. */
export function checkTemplate(path: Path, text: string, source: YamlSource): void {
  const problem = templateProblem(text);
  if (problem === undefined) return;
  const node = source.nodeAt(path);
  const lines = text.split("\n").slice(0, problem.line - 1);
  const index = lines.reduce((sum, line) => sum + line.length + 1, problem.column - 1);
  const offset = isScalar(node) ? source.offsetInScalar(node, index) : undefined;
  const message = `could not parse template: ${problem.message}`;
  if (offset === undefined) source.report(path, message);
  else source.reportAt(offset, path, message);
}
